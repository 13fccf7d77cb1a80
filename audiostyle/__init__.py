"""Artistic style transfer for music data, as Coleman, Penco and Porisky (2017) released it.

The house, in the order in which a sound goes through it:

- ``settings/``   every constant, each with its row of the differences table; presets
- ``audio/``      samples <-> log spectrogram <-> mel and other representations
- ``image.py``    representation <-> the network's image
- ``pipeline.py`` both directions in one place: ``analyse`` a clip, ``synthesise`` an image
- ``weights/``    weights files of any form -> 32 arrays
- ``network/``    the only room with Theano: VGG-19, the losses and their table, one compiled objective
- ``optimise.py`` from noise downhill: the start image, rounds of L-BFGS, a record of every step
- ``run/``        a transfer on disk: folder, archive, pictures, sound
- ``study/``      what uses runs: stages for ports, metrics, the paper's experiments
- ``command/``    the command line, one file a subcommand; ``demo/`` and ``doctor/`` serve it

Each room imports from those above it only (tests/test_house.py), and importing this package costs nothing.
"""

__version__ = "1.0.0"
