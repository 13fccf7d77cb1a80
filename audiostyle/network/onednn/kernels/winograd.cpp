// 3x3 convolutions by Winograd's F(4x4, 3x3), 36 multiplications where the definition takes 144, or, with TILE 6, by
// F(6x6, 3x3), 64 where it takes 324.
//
// oneDNN 2.5 has this too, but it writes the transformed images of a whole layer to memory (a gigabyte at 1024x1712).
// Here a thread takes a few dozen tiles through all three steps, transform of the input, a matrix product for each
// position in a tile and transform of the output, while they are in its cache.  A result is summed in the same order
// whatever the number of threads, and in short sums, which halves the rounding error.

#include "winograd_transforms.h"

#include <algorithm>
#include <vector>

using namespace kernels;

namespace {

// Rows (tiles) and columns (vectors of channels) of a product; with its short sum it fills the registers.
constexpr int most_rows = BLOCK == 16 ? 7 : 6, most_columns = 2;
// Input channels that are summed before the sum is added to the rest.
constexpr Dimension short_sum = 32;
// Input channels whose filters stay in the nearest cache while all tiles are multiplied with them.
constexpr Dimension long_sum = 128;
// Tiles that a thread takes at once: what its caches hold.
constexpr Dimension most_tiles = tile == 4 ? 42 : 28;
// Floats from the filters that are multiplied to those that are fetched meanwhile.
constexpr Dimension ahead = 4096;

// `Rows` tiles times `Columns` vectors of output channels, over `blocks` input blocks, whose sum begins m or is added to
// it, one short sum after the other.
template <int Rows, int Columns>
[[gnu::noinline]] void multiply(const float *v, const float *u, float *m, Dimension blocks, Dimension step,
                                bool begins) {
    Vector totals[Rows][Columns];
    const auto each = [&](auto body) __attribute__((always_inline)) {
#pragma GCC unroll 16
        for (int row = 0; row < Rows; ++row)
#pragma GCC unroll 2
            for (int column = 0; column < Columns; ++column) body(row, column);
    };
    if (!begins) each([&](int row, int column) { totals[row][column] = vectors(m + column * step)[row]; });
    while (blocks > 0) {
        Vector sums[Rows][Columns] = {};
        for (int block = 0; block < short_sum / BLOCK && blocks > 0; ++block, --blocks, v += step)
#pragma GCC unroll 2
            for (int channel = 0; channel < BLOCK; ++channel, u += Columns * BLOCK) {
                Vector w[Columns];
#pragma GCC unroll 2
                for (int column = 0; column < Columns; ++column) {
                    __builtin_prefetch(u + ahead + column * BLOCK, 0, 2);
                    w[column] = vectors(u)[column];
                }
                each([&](int row, int column) { sums[row][column] += v[row * BLOCK + channel] * w[column]; });
            }
        if (begins)
            each([&](int row, int column) { totals[row][column] = sums[row][column]; });
        else
            each([&](int row, int column) { totals[row][column] += sums[row][column]; });
        begins = false;
    }
    each([&](int row, int column) { vectors(m + column * step)[row] = totals[row][column]; });
}

template <int Columns, int Rows = most_rows>
void multiply_rows(Dimension rows, const float *v, const float *u, float *m, Dimension blocks, Dimension step,
                   bool begins) {
    if (rows == Rows)
        multiply<Rows, Columns>(v, u, m, blocks, step, begins);
    else if constexpr (Rows > 1)
        multiply_rows<Columns, Rows - 1>(rows, v, u, m, blocks, step, begins);
}

struct Shape {
    Dimension batch, in_blocks, out_blocks, height, width;
    Dimension rows() const { return (height + tile - 1) / tile; }
    Dimension columns() const { return (width + tile - 1) / tile; }
    Dimension tiles() const { return batch * rows() * columns(); }
};

// Where a tile's first pixel lies.
struct Place {
    Dimension image, y, x;
};

std::vector<Place> places(const Shape &shape, Dimension first, Dimension count) {
    std::vector<Place> found(count);
    for (Dimension index = 0; index < count; ++index) {
        const Dimension at = first + index, row = at / shape.columns();
        found[index] = {row / shape.rows(), row % shape.rows() * tile, at % shape.columns() * tile};
    }
    return found;
}

// Inlined into what calls them, this and write_tiles get fewer registers.
[[gnu::noinline]] void read_tiles(const Shape &shape, const std::vector<Place> &tiles, const float *source,
                                  float *transformed) {
    const Dimension width = shape.width, height = shape.height, count = tiles.size();
    for (Dimension block = 0; block < shape.in_blocks; ++block)
        for (Dimension index = 0; index < count; ++index) {
            const Place at = tiles[index];
            const Vector *plane = vectors(source) + (at.image * shape.in_blocks + block) * height * width;
            Vector input[positions];
            const Vector *corner = plane + (at.y - 1) * width + at.x - 1;
            Dimension step = width;
            if (at.y == 0 || at.x == 0 || at.y + window - 1 > height || at.x + window - 1 > width) {
                for (int row = 0; row < window; ++row)
                    for (int column = 0; column < window; ++column) {
                        const Dimension y = at.y + row - 1, x = at.x + column - 1;
                        const bool inside = y >= 0 && y < height && x >= 0 && x < width;
                        input[row * window + column] = inside ? plane[y * width + x] : Vector{};
                    }
                corner = input;
                step = window;
            }
            transform_input(corner, step, vectors(transformed) + block * count + index, shape.in_blocks * count);
        }
}

void multiply_tiles(const Shape &shape, Dimension count, const float *transformed, const float *filters,
                    float *products) {
    const Dimension in = shape.in_blocks * BLOCK, out = shape.out_blocks * BLOCK, step = count * BLOCK;
    const Dimension turns = (count + most_rows - 1) / most_rows, most_blocks = long_sum / BLOCK;
    for (int position = 0; position < positions; ++position)
        for (Dimension block = 0; block < shape.out_blocks; block += most_columns)
            for (Dimension start = 0; start < shape.in_blocks; start += most_blocks) {
                const Dimension blocks = std::min(most_blocks, shape.in_blocks - start);
                const Dimension columns = std::min<Dimension>(most_columns, shape.out_blocks - block);
                const float *u = filters + (position * out + block * BLOCK) * in + start * BLOCK * columns * BLOCK;
                for (Dimension turn = 0; turn < turns; ++turn) {
                    const Dimension row = count * turn / turns, rows = count * (turn + 1) / turns - row;
                    const float *v = transformed + (position * shape.in_blocks + start) * step + row * BLOCK;
                    float *m = products + (position * shape.out_blocks + block) * step + row * BLOCK;
                    if (columns == most_columns)
                        multiply_rows<most_columns>(rows, v, u, m, blocks, step, start == 0);
                    else
                        multiply_rows<1>(rows, v, u, m, blocks, step, start == 0);
                }
            }
}

struct After {
    const float *bias, *add, *mask;
    bool relu;
};

template <bool add, bool mask, bool relu>
[[gnu::noinline]] void write_tiles(const Shape &shape, const std::vector<Place> &tiles, const float *products,
                                   const After &after, float *result) {
    const Dimension width = shape.width, height = shape.height, count = tiles.size(), plane = shape.out_blocks * count;
    const Vector zero = {};
    for (Dimension block = 0; block < shape.out_blocks; ++block) {
        const Vector bias = after.bias ? vectors(after.bias)[block] : zero;
        for (Dimension index = 0; index < count; ++index) {
            const Place at = tiles[index];
            const Dimension start = ((at.image * shape.out_blocks + block) * height + at.y) * width + at.x;
            Vector half[tile * window];
#pragma GCC unroll 8
            for (int column = 0; column < window; ++column)
                transform_output(vectors(products) + block * count + index + column * plane, window * plane,
                                 half + column, window);
            const auto write_row = [&](Dimension row, Dimension columns) {
                Vector output[tile];
                transform_output(half + row * window, 1, output, 1);
                for (Dimension column = 0; column < columns; ++column) {
                    const Dimension pixel = start + row * width + column;
                    Vector value = output[column] + bias;
                    if (add) value += vectors(after.add)[pixel];
                    if (mask) value = where_positive(vectors(after.mask)[pixel], value);
                    if (relu) value = value < zero ? zero : value;
                    vectors(result)[pixel] = value;
                }
            };
            const Dimension rows = std::min<Dimension>(tile, height - at.y);
            const Dimension columns = std::min<Dimension>(tile, width - at.x);
            if (rows == tile && columns == tile) {
#pragma GCC unroll 6
                for (int row = 0; row < tile; ++row) write_row(row, tile);
            } else
                for (Dimension row = 0; row < rows; ++row) write_row(row, columns);
        }
    }
}

// One of the above, with what `after` asks for.
template <bool... known>
void write_tiles_after(const Shape &shape, const std::vector<Place> &tiles, const float *products, const After &after,
                       float *result) {
    const bool wanted[] = {after.add != nullptr, after.mask != nullptr, after.relu};
    if constexpr (sizeof...(known) == 3)
        write_tiles<known...>(shape, tiles, products, after, result);
    else if (wanted[sizeof...(known)])
        write_tiles_after<known..., true>(shape, tiles, products, after, result);
    else
        write_tiles_after<known..., false>(shape, tiles, products, after, result);
}

} // namespace

extern "C" {

// Filters (out, in, 3, 3) become (position, pair of output blocks, in, 2 BLOCK), transformed in double precision: float
// constants that happen to be rounded up, as oneDNN's all are, make every result 5e-8 too large, and style losses,
// fourth powers of activations ten layers deep, 2e-6.
int winograd_prepare(Dimension in, Dimension out, const float *filters, float *prepared) {
    return guarded([&] {
        const FilterTransform transform;
        const auto &rows = transform.rows;
        const Dimension panel = most_columns * BLOCK;
#pragma omp parallel for schedule(static)
        for (Dimension o = 0; o < out; ++o)
            for (Dimension i = 0; i < in; ++i) {
                const float *filter = filters + (o * in + i) * 9;
                double half[window][3];
                for (int r = 0; r < window; ++r)
                    for (int c = 0; c < 3; ++c)
                        half[r][c] = rows[r][0] * filter[c] + rows[r][1] * filter[3 + c] + rows[r][2] * filter[6 + c];
                const Dimension start = o / panel * panel, size = std::min(panel, out - start);
                for (int r = 0; r < window; ++r)
                    for (int c = 0; c < window; ++c)
                        prepared[((r * window + c) * out + start) * in + i * size + o - start] = static_cast<float>(
                            half[r][0] * rows[c][0] + half[r][1] * rows[c][1] + half[r][2] * rows[c][2]);
            }
    });
}

// The result is the convolution plus bias plus add, 0 where mask is not positive and, with relu, where it is negative
// itself; add may be the result.
int winograd_run(Dimension batch, Dimension in, Dimension out, Dimension height, Dimension width, const float *source,
                 const float *prepared, const float *bias, const float *add, const float *mask, int relu,
                 float *result) {
    return guarded([&] {
        const Shape shape{batch, in / BLOCK, out / BLOCK, height, width};
        const After after{bias, add, mask, relu != 0};
        const Dimension tiles = shape.tiles(), threads = omp_get_max_threads();
        const Dimension parts = (tiles + threads * most_tiles - 1) / (threads * most_tiles) * threads;
        const Dimension most = (tiles + parts - 1) / parts;
        bool enough = true;
#pragma omp parallel
        try {
            static thread_local Workspace workspace;
            auto *transformed = static_cast<float *>(workspace.at_least(positions * most * (in + out) * sizeof(float)));
            float *products = transformed + positions * most * in;
#pragma omp for schedule(dynamic) nowait
            for (Dimension part = 0; part < parts; ++part) {
                const Dimension first = tiles * part / parts;
                const auto these = places(shape, first, tiles * (part + 1) / parts - first);
                read_tiles(shape, these, source, transformed);
                multiply_tiles(shape, these.size(), transformed, prepared, products);
                write_tiles_after<>(shape, these, products, after, result);
            }
        } catch (const std::bad_alloc &) {
#pragma omp atomic write
            enough = false;
        }
        if (!enough) throw std::bad_alloc();
    });
}

} // extern "C"
