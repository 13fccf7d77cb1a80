// What lies between convolutions: layout, ReLU's gradient, pooling.  All of it is memory traffic, for which plain loops
// over vectors are enough.

#include "kernels.h"

#include <algorithm>

using namespace kernels;

extern "C" {

int to_blocked(Dimension batch, Dimension channels, Dimension pixels, const float *plain, float *blocked) {
    return guarded([&] {
        const Dimension blocks = batch * channels / BLOCK, strips = (pixels + BLOCK - 1) / BLOCK;
#pragma omp parallel for collapse(2) schedule(static)
        for (Dimension block = 0; block < blocks; ++block)
            for (Dimension strip = 0; strip < strips; ++strip) {
                const float *from = plain + block * BLOCK * pixels;
                float *to = blocked + block * BLOCK * pixels;
                const Dimension end = std::min(pixels, (strip + 1) * BLOCK);
                for (Dimension pixel = strip * BLOCK; pixel < end; ++pixel)
                    for (int channel = 0; channel < BLOCK; ++channel)
                        to[pixel * BLOCK + channel] = from[channel * pixels + pixel];
            }
    });
}

// Channels need not be whole blocks here: the blocked side is padded.
int from_blocked(Dimension batch, Dimension channels, Dimension pixels, const float *blocked, float *plain) {
    return guarded([&] {
        const Dimension blocks = (channels + BLOCK - 1) / BLOCK, strips = (pixels + BLOCK - 1) / BLOCK;
#pragma omp parallel for collapse(3) schedule(static)
        for (Dimension image = 0; image < batch; ++image)
            for (Dimension block = 0; block < blocks; ++block)
                for (Dimension strip = 0; strip < strips; ++strip) {
                    const float *from = blocked + (image * blocks + block) * BLOCK * pixels;
                    float *to = plain + (image * channels + block * BLOCK) * pixels;
                    const int count = static_cast<int>(std::min<Dimension>(BLOCK, channels - block * BLOCK));
                    const Dimension end = std::min(pixels, (strip + 1) * BLOCK);
                    for (int channel = 0; channel < count; ++channel)
                        for (Dimension pixel = strip * BLOCK; pixel < end; ++pixel)
                            to[channel * pixels + pixel] = from[pixel * BLOCK + channel];
                }
    });
}

// result = activation > 0 ? gradient : 0; result may be gradient itself.
int relu_gradient(Dimension numbers, const float *activation, const float *gradient, float *result) {
    return guarded([&] {
#pragma omp parallel for schedule(static)
        for (Dimension i = 0; i < numbers / BLOCK; ++i)
            vectors(result)[i] = where_positive(vectors(activation)[i], vectors(gradient)[i]);
    });
}

// 2x2 pooling of stride 2; an odd last row or column is dropped.
int pool(Dimension blocks, Dimension height, Dimension width, int maximum, const float *source, float *result) {
    return guarded([&] {
        const Dimension rows = height / 2, columns = width / 2;
#pragma omp parallel for collapse(2) schedule(static)
        for (Dimension block = 0; block < blocks; ++block)
            for (Dimension row = 0; row < rows; ++row) {
                const Vector *above = vectors(source) + (block * height + 2 * row) * width, *below = above + width;
                Vector *to = vectors(result) + (block * rows + row) * columns;
                for (Dimension i = 0; i < columns; ++i) {
                    const Vector a = above[2 * i], b = above[2 * i + 1], c = below[2 * i], d = below[2 * i + 1];
                    if (maximum) {
                        const Vector ab = a > b ? a : b, cd = c > d ? c : d;
                        to[i] = ab > cd ? ab : cd;
                    } else
                        to[i] = (a + b + c + d) * 0.25f;
                }
            }
    });
}

// The gradient of pooling for its source.  With `pooled` (of the maximum), all elements equal to the maximum receive
// the gradient, as in Theano; with `relu`, only positive elements of the source receive any.
int pool_gradient(Dimension blocks, Dimension height, Dimension width, const float *source, const float *pooled,
                  const float *gradient, int relu, float *result) {
    return guarded([&] {
        const Dimension rows = height / 2, columns = width / 2;
#pragma omp parallel for collapse(2) schedule(static)
        for (Dimension block = 0; block < blocks; ++block)
            for (Dimension row = 0; row < height; ++row) {
                const Vector zero = {};
                const Vector *from = vectors(source) + (block * height + row) * width;
                Vector *to = vectors(result) + (block * height + row) * width;
                if (row / 2 >= rows) {
                    std::fill(to, to + width, zero);
                    continue;
                }
                const Dimension start = (block * rows + row / 2) * columns;
                for (Dimension i = 0; i < 2 * columns; ++i) {
                    Vector share = vectors(gradient)[start + i / 2];
                    if (pooled) {
                        const Mask equal = from[i] == vectors(pooled)[start + i / 2];
                        share = (Vector)(equal & (Mask)share);
                    } else
                        share *= 0.25f;
                    to[i] = relu ? where_positive(from[i], share) : share;
                }
                if (width % 2) to[width - 1] = zero;
            }
    });
}

} // extern "C"
