"""The demonstration's own material: two short clips that are synthesised, so nothing has to be fetched."""
