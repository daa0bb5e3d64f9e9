"""From text to batches: corpora, files, tokenizers, stored tokens, held-out documents, and their order."""
