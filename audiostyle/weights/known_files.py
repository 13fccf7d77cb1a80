"""Files of VGG-19 that are known by their checksums, and what is known of their licences."""

from typing import NamedTuple

__all__ = ["OXFORD_LICENCE", "TORCHVISION_PREFIX", "KnownFile", "known_file"]

OXFORD_LICENCE = (
    "The network is the Visual Geometry Group's (Oxford), cited as CC BY 4.0; copies made for Lasagne and by Gatys "
    "say non-commercial use only, so look at your source before you publish or sell."
)

TORCHVISION_PREFIX = "dcbb9e9d"


class KnownFile(NamedTuple):
    """A published file: its name, the beginning of its MD5 or SHA-256, and whether it is normalised."""

    name: str
    checksum: str
    normalised: bool


# Only checksums with a source are here; that of the paper's vgg19_normalized.pkl is not among them,
# because the one report of it gives the same for the un-normalised file.
_FILES = (
    # keras-applications' source
    KnownFile("Keras' VGG-19 without dense layers", "253f8cb515780f3b799900260a226db6", False),
    KnownFile("Keras' VGG-19", "cbe5617147190e668d6c5d5026f83318", False),
    # vlfeat.org's table, twice, and its older release
    KnownFile("MatConvNet's VGG-19", "106118b7cf60435e6d8e04f6a6dc3657", False),
    KnownFile("MatConvNet's VGG-19", "abdb57167f82a2a1fbab1e1c16ad9373411883f262a1a37ee5db2e6fb0044695", False),
    KnownFile("MatConvNet's VGG-19 (beta16)", "8ee3263992981a1d26e73b3ca028a123", False),
    # torch's files carry the beginning of their SHA-256 in their names
    KnownFile("Johnson's VGG-19", "d01eb7cb", False),
    KnownFile("pystiche's VGG-19", "74e45263", False),
    KnownFile("torchvision's VGG-19", TORCHVISION_PREFIX, False),
)


def known_file(md5: str, sha256: str) -> KnownFile | None:
    """Return the published file with these checksums (in hexadecimal), if there is one."""
    for file in _FILES:
        if file.checksum == md5 or sha256.startswith(file.checksum):
            return file
    return None
