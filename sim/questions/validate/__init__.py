"""The question: does the simulator agree with what others measured, printed or simulated?"""
