"""One file a question that people ask of the simulator: a pure function from a document to rows."""
