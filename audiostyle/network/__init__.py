"""VGG-19 and the losses in Theano: the only place that imports Theano and Lasagne.

Call :func:`audiostyle.network.start.start_theano` first: Theano reads its flags when it is first imported,
so whatever imports it (``vgg19``, ``losses``, ``objective``, ``convolution``, ``onednn``) comes after that.
``start``, ``blas``, ``compat`` and ``gpu`` can be imported at any time.
"""

import sys
from pathlib import Path

# Theano's sources, where setup.py has put them into an installed package.  Last, so that an installed Theano wins.
_BUNDLED = Path(__file__).with_name("bundled")
if _BUNDLED.is_dir() and str(_BUNDLED) not in sys.path:
    sys.path.append(str(_BUNDLED))
