"""Levels of the result's rows: those of the style's, where they are asked for.

Nothing in the method holds the level of a single row: the descent makes "entire rows (i.e. frequencies)" too bright
(section 4.2, T26), and those buzz.  A row with the mean and deviation in time of the style's row is seldom one of
them unless the style's is; and the long-term spectrum, most of what timbre is, becomes the style's.
"""

import numpy as np

__all__ = ["with_row_levels"]


def with_row_levels(values: np.ndarray, model: np.ndarray, time_axis: int = -1) -> np.ndarray:
    """Give each row mean and standard deviation in time of another picture's row.

    Parameters
    ----------
    values : np.ndarray ``(n_rows, n_columns)``
        Logarithms of magnitudes, as all that follows.
    model : np.ndarray ``(n_rows, n_model_columns)``
        Where the levels come from; it may be shorter or longer.
    time_axis : int
        -2 if columns are frequencies, for both.

    Returns
    -------
    np.ndarray
        Of the shape and type of `values`, not below the least and not above the greatest value of `model`.  A row
        that does not vary gets the model's mean.

    Examples
    --------
    >>> with_row_levels(np.array([[-3.0, -1.0]]), np.array([[-2.0, -1.0, -2.0, -1.0]])).tolist()
    [[-2.0, -1.0]]
    """
    wide, wanted = values.astype(np.float64), model.astype(np.float64)
    mean, deviation = wide.mean(time_axis, keepdims=True), wide.std(time_axis, keepdims=True)
    varied = np.divide(wide - mean, deviation, out=np.zeros_like(wide), where=deviation > 0)
    levelled = wanted.mean(time_axis, keepdims=True) + varied * wanted.std(time_axis, keepdims=True)
    return np.clip(levelled, wanted.min(), wanted.max()).astype(values.dtype)
