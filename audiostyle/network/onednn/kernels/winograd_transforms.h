// The transforms of Winograd's F(TILE x TILE, 3x3), of lines of vectors; both directions of an image take them in turn.
//
// A line's result is interpolated from the products of polynomials (the line, the filter) at the points 0, infinity and
// plus and minus `points`: that of a pair of points shares its sums, since one is even in the point and one is odd.

#pragma once

#include "kernels.h"

#include <algorithm>
#include <immintrin.h>

namespace kernels {

constexpr int tile = TILE, window = tile + 2, positions = window * window, pairs = tile / 2;

// Of 4x4 tiles oneDNN's, of 6x6 the best three eighths up to 19/8 but for 15/8; exact in binary, like all that follows
// from them, which keeps the rounding errors of the transforms small.
#if TILE == 4
constexpr float points[pairs] = {0.625f, 1.5f};
#elif TILE == 6
constexpr float points[pairs] = {0.5f, 1.0f, 2.0f};
#endif

// factor * value + other, rounded once.  Of a * x + b * y the compiler chooses which product is rounded on its own.
inline Vector multiply_add(float factor, Vector value, Vector other) {
#if BLOCK == 16
    return _mm512_fmadd_ps(_mm512_set1_ps(factor), value, other);
#else
    return _mm256_fmadd_ps(_mm256_set1_ps(factor), value, other);
#endif
}

// The product of x^2 - p^2 over the pairs of points +-p, perhaps without one of them: coefficients of 1, x^2, x^4...
struct Polynomial {
    int degree = 0;
    float of[pairs + 1] = {1.0f};

    constexpr explicit Polynomial(int without = -1) {
        for (int pair = 0; pair < pairs; ++pair) {
            if (pair == without) continue;
            ++degree;
            for (int k = degree; k >= 0; --k) of[k] = (k ? of[k - 1] : 0.0f) - points[pair] * points[pair] * of[k];
        }
    }

    // The sum of each coefficient times its d: every second of a line, `step` apart.
    Vector times(const Vector *d, Dimension step) const {
        Vector sum = d[2 * degree * step];
#pragma GCC unroll 3
        for (int k = degree - 1; k >= 0; --k) sum = multiply_add(of[k], d[2 * k * step], sum);
        return sum;
    }
};

// A line's transform comes in parts, each the results of one pair of points: 2 part + 1 and 2 part + 2; and that of 0
// with the first part, that of infinity with the second.
template <int part> constexpr int part_size = part < 2 ? 3 : 2;
template <int part> constexpr int part_results[3] = {2 * part + 1, 2 * part + 2, part ? tile + 1 : 0};

template <int part> inline void transform_part(const Vector *d, Dimension step, Vector *v) {
    constexpr Polynomial all, others(part);
    const Vector even = others.times(d + 2 * step, step), odd = others.times(d + step, step);
    v[0] = multiply_add(points[part], odd, even);
    v[1] = multiply_add(-points[part], odd, even);
    if constexpr (part < 2) v[2] = all.times(d + part * step, step);
}

// From some columns of a tile, those of one part, to the results of all parts of the rows.
template <int part, int down = 0> inline void transform_rows(const Vector *some, Vector *to, Dimension plane) {
    constexpr int size = part_size<part>;
#pragma GCC unroll 3
    for (int column = 0; column < size; ++column) {
        Vector found[3];
        transform_part<down>(some + column, size, found);
#pragma GCC unroll 3
        for (int k = 0; k < part_size<down>; ++k)
            to[(part_results<down>[k] * window + part_results<part>[column]) * plane] = found[k];
    }
    if constexpr (down + 1 < pairs) transform_rows<part, down + 1>(some, to, plane);
}

// A tile and the pixels around it, to `positions` vectors that are `plane` apart; part by part, because the columns of
// one are as much as the registers hold.
template <int part = 0> inline void transform_input(const Vector *corner, Dimension width, Vector *to, Dimension plane) {
    Vector some[window * part_size<part>];
#pragma GCC unroll 8
    for (int row = 0; row < window; ++row) transform_part<part>(corner + row * width, 1, some + row * part_size<part>);
    transform_rows<part>(some, to, plane);
    if constexpr (part + 1 < pairs) transform_input<part + 1>(corner, width, to, plane);
}

// A line of the result, `tile` vectors, from its `window` products.
inline void transform_output(const Vector *m, Dimension step, Vector *y, Dimension out_step) {
    Vector sums[pairs], differences[pairs];
    y[0] = m[0];
#pragma GCC unroll 3
    for (int pair = 0; pair < pairs; ++pair) {
        const Vector plus = m[(2 * pair + 1) * step], minus = m[(2 * pair + 2) * step];
        sums[pair] = plus + minus;
        differences[pair] = plus - minus;
        y[0] += sums[pair];
    }
    float powers[pairs];
    std::copy(points, points + pairs, powers);
#pragma GCC unroll 5
    for (int k = 1; k < tile; ++k) {
        const Vector *of = k % 2 ? differences : sums;
        Vector value = powers[pairs - 1] * of[pairs - 1];
#pragma GCC unroll 2
        for (int pair = pairs - 2; pair >= 0; --pair) value = multiply_add(powers[pair], of[pair], value);
        y[k * out_step] = k == tile - 1 ? value + m[(tile + 1) * step] : value;
        for (int pair = 0; pair < pairs; ++pair) powers[pair] *= points[pair];
    }
}

// What a filter's line (1, x, x^2) is multiplied with for each result.
struct FilterTransform {
    double rows[window][3] = {};

    FilterTransform() {
        double at_zero = 1;
        for (int pair = 0; pair < pairs; ++pair) {
            const double p = points[pair];
            double product = 2 * p * p;
            for (int other = 0; other < pairs; ++other)
                if (other != pair) product *= p * p - double(points[other]) * points[other];
            for (int negative : {0, 1}) {
                double *row = rows[2 * pair + 1 + negative];
                row[0] = 1 / product;
                row[1] = row[0] * (negative ? -p : p);
                row[2] = row[0] * p * p;
            }
            at_zero *= -p * p;
        }
        rows[0][0] = 1 / at_zero;
        rows[tile + 1][2] = 1;
    }
};

} // namespace kernels
