"""Names that Theano 1.0.5 and Lasagne 0.1 expect of older libraries, put back where they are missing."""
