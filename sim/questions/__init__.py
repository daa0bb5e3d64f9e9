"""The questions that the simulator answers, one module or package each: a pure function from a document to rows."""
