"""VGG-19 and the losses in Theano: the only place that imports Theano and Lasagne.

Call :func:`audiostyle.network.start.start_theano` first: Theano reads its flags when it is first imported,
so whatever imports it (``vgg19``, ``losses``, ``objective``, ``convolution``, ``onednn``) comes after that.
``start``, ``blas``, ``compat`` and ``gpu`` can be imported at any time.
"""
