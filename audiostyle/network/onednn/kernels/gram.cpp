// The Gram matrix of an activation: products of all pairs of channels, summed over pixels.
//
// Half of it is computed, since it is symmetric, and the blocked layout is what the kernel wants: a pixel's channels
// are vectors already.

#include "kernels.h"

#include <algorithm>

using namespace kernels;

namespace {

// Channels of one block times vectors of others that fill the registers.
constexpr int most_rows = BLOCK == 16 ? 8 : 4, most_columns = 3;
// Pixels that are summed before the sum is added to the rest: short sums err less, and these stay in the caches.
constexpr Dimension short_sum = 256;
// Sums that are made side by side.  Their number depends on the activation alone, so that the threads' number changes
// no bit; it is even, so that two threads share them well.
constexpr Dimension most_parts = 16, least_pixels = 128;

template <int Columns>
void add_products(const float *left, const float *right, Dimension plane, Dimension pixels, float *sum,
                  Dimension channels) {
    Vector sums[most_rows][Columns] = {};
    for (Dimension pixel = 0; pixel < pixels; ++pixel) {
        Vector x[Columns];
#pragma GCC unroll 3
        for (int column = 0; column < Columns; ++column) x[column] = vectors(right + column * plane)[pixel];
#pragma GCC unroll 8
        for (int row = 0; row < most_rows; ++row)
#pragma GCC unroll 3
            for (int column = 0; column < Columns; ++column)
                sums[row][column] += left[pixel * BLOCK + row] * x[column];
    }
#pragma GCC unroll 8
    for (int row = 0; row < most_rows; ++row)
#pragma GCC unroll 3
        for (int column = 0; column < Columns; ++column) vectors(sum + row * channels)[column] += sums[row][column];
}

} // namespace

extern "C" {

int gram(Dimension channels, Dimension pixels, const float *activation, float *matrix) {
    return guarded([&] {
        static thread_local Workspace workspace;
        const Dimension blocks = channels / BLOCK, plane = pixels * BLOCK, numbers = channels * channels;
        const Dimension parts = std::clamp<Dimension>(pixels / least_pixels / 2 * 2, 2, most_parts);
        auto *sums = static_cast<float *>(workspace.at_least(parts * numbers * sizeof(float)));
#pragma omp parallel for schedule(dynamic)
        for (Dimension part = 0; part < parts; ++part) {
            float *sum = sums + part * numbers;
            std::fill(sum, sum + numbers, 0.0f);
            const Dimension end = pixels * (part + 1) / parts;
            for (Dimension first = pixels * part / parts; first < end; first += short_sum) {
                const Dimension count = std::min(short_sum, end - first);
                for (Dimension i = 0; i < blocks; ++i)
                    for (Dimension row = 0; row < BLOCK; row += most_rows)
                        for (Dimension j = i; j < blocks; j += most_columns) {
                            const float *left = activation + i * plane + first * BLOCK + row;
                            const float *right = activation + j * plane + first * BLOCK;
                            float *to = sum + (i * BLOCK + row) * channels + j * BLOCK;
                            const Dimension columns = std::min<Dimension>(most_columns, blocks - j);
                            (columns == 3   ? add_products<3>
                             : columns == 2 ? add_products<2>
                                            : add_products<1>)(left, right, plane, count, to, channels);
                        }
            }
        }
#pragma omp parallel for schedule(static)
        for (Dimension row = 0; row < channels; ++row)
            for (Dimension column = row; column < channels; ++column) {
                float total = 0;
                for (Dimension part = 0; part < parts; ++part) total += sums[part * numbers + row * channels + column];
                matrix[row * channels + column] = matrix[column * channels + row] = total;
            }
    });
}

} // extern "C"
