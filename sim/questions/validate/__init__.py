"""Does the simulator say what others measured, printed or simulated?"""
