"""Whether a GPU can be used, found out before Theano is imported: its own answer is a traceback or a crash."""
