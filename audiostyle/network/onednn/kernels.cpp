// Kernels on blocked activations, called through ctypes; library.py compiles and loads this file.
//
// A blocked activation is (batch, channels / BLOCK, height, width, BLOCK) float32, the layout oneDNN calls
// nChw16c (nChw8c without AVX-512): the BLOCK channels of a pixel are one vector register.  Convolutions
// are oneDNN primitives; what lies between them (layout, ReLU gradient, pooling) is memory traffic, for
// which a plain loop over vectors is enough.
//
// Every function returns 0, or 1 after leaving a message in the calling thread's last_error.

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <omp.h>
#include <string>
#include <sys/mman.h>

namespace {

using dnnl::memory;
using Dimension = std::int64_t;

// The compiler's own vectors: AVX-512 or AVX2, as the flags say.  Theano's own arrays are aligned to 16 bytes only.
typedef float Vector __attribute__((vector_size(BLOCK * sizeof(float)), aligned(4), may_alias));
typedef std::int32_t Mask __attribute__((vector_size(BLOCK * sizeof(float))));

thread_local std::string error_text;
int number_of_threads = 0;

template <class Body> int guarded(Body body) {
    try {
        if (number_of_threads > 0) omp_set_num_threads(number_of_threads);
        body();
        return 0;
    } catch (const dnnl::error &error) {
        error_text = std::string("oneDNN: ") + error.what();
    } catch (const std::exception &error) {
        error_text = error.what();
    }
    return 1;
}

// Working memory of one thread: grown when needed, shared by all its kernels, given back with the thread.
class Workspace {
  public:
    ~Workspace() { std::free(data_); }
    void *at_least(size_t bytes) {
        if (bytes > size_) {
            std::free(data_);
            size_ = 0;
            data_ = std::aligned_alloc(huge_page, (bytes + huge_page - 1) / huge_page * huge_page);
            if (!data_) throw std::bad_alloc();
            madvise(data_, bytes, MADV_HUGEPAGE);
            size_ = bytes;
        }
        return data_;
    }

  private:
    static constexpr size_t huge_page = 2 << 20;
    void *data_ = nullptr;
    size_t size_ = 0;
};

thread_local Workspace scratchpad, padded_output;

dnnl::engine &engine() {
    static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
    return cpu;
}

dnnl::stream &stream() {
    static thread_local dnnl::stream in_order(engine());
    return in_order;
}

const auto blocked_tag = BLOCK == 16 ? memory::format_tag::nChw16c : memory::format_tag::nChw8c;

// out = mask > 0 ? gradient : 0, comparing as floats; a NaN in mask gives 0.
inline Vector where_positive(Vector mask, Vector gradient) {
    const Mask positive = mask > 0.0f;
    return (Vector)(positive & (Mask)gradient);
}

// Filters for Winograd F(4x4, 3x3) in oneDNN's layout.  oneDNN can do this, but with float constants that are all rounded
// up: every result comes out 5e-8 too large, and style losses, fourth powers of activations ten layers deep, 2e-6.
void transform_filters(const dnnl_wino_desc_t &layout, const float *filters, float *prepared) {
    // The points are 0, +-5/8, +-3/2 and infinity.
    const double a = 0.625, b = 1.5, x = -1 / (2 * a * a * (b * b - a * a)), y = 1 / (2 * b * b * (b * b - a * a));
    const double rows[6][3] = {{1 / (a * a * b * b), 0, 0}, {x, x * a, x * a * a}, {x, -x * a, x * a * a},
                               {y, y * b, y * b * b},       {y, -y * b, y * b * b}, {0, 0, 1}};
    const Dimension in = layout.ic, out = layout.oc, i1 = layout.ic_block, o1 = layout.oc_block,
                    i2 = layout.ic2_block, o2 = layout.oc2_block;
#pragma omp parallel for schedule(static)
    for (Dimension o = 0; o < out; ++o)
        for (Dimension i = 0; i < in; ++i) {
            const float *filter = filters + (o * in + i) * 9;
            double half[6][3];
            for (int r = 0; r < 6; ++r)
                for (int c = 0; c < 3; ++c)
                    half[r][c] = rows[r][0] * filter[c] + rows[r][1] * filter[3 + c] + rows[r][2] * filter[6 + c];
            const Dimension within = (((o / o1 % o2) * i2 + i / i1 % i2) * i1 + i % i1) * o1 + o % o1;
            for (int r = 0; r < 6; ++r)
                for (int c = 0; c < 6; ++c) {
                    const Dimension chunk = ((o / (o1 * o2) * 6 + r) * 6 + c) * (in / (i1 * i2)) + i / (i1 * i2);
                    prepared[chunk * o2 * i2 * i1 * o1 + within] = static_cast<float>(
                        half[r][0] * rows[c][0] + half[r][1] * rows[c][1] + half[r][2] * rows[c][2]);
                }
        }
}

inline const Vector *vectors(const float *data) { return reinterpret_cast<const Vector *>(data); }
inline Vector *vectors(float *data) { return reinterpret_cast<Vector *>(data); }

} // namespace

// A convolution of stride 1 with "same" padding, prepared for one shape.
struct Convolution {
    dnnl::convolution_forward::primitive_desc description;
    dnnl::convolution_forward primitive;
    bool plain_output;
    Dimension batch, out_channels, pixels;
};

struct Product {
    dnnl::convolution_backward_weights::primitive_desc description;
    dnnl::convolution_backward_weights primitive;
};

extern "C" {

const char *last_error() { return error_text.c_str(); }

void set_threads(int threads) { number_of_threads = threads; }

int get_threads() { return number_of_threads > 0 ? number_of_threads : omp_get_max_threads(); }

// Algorithms: 0 direct, 1 Winograd F(4x4, 3x3).  The source is plain where its channels are not whole blocks, and so
// is the result.
int convolution_new(Dimension batch, Dimension in_channels, Dimension out_channels, Dimension height, Dimension width,
                    Dimension size, int algorithm, int bias, int relu, int accumulate, Convolution **made) {
    return guarded([&] {
        const auto f32 = memory::data_type::f32;
        const auto any = memory::format_tag::any;
        const Dimension pad = size / 2;
        const memory::desc source({batch, in_channels, height, width}, f32,
                                  in_channels % BLOCK ? memory::format_tag::nchw : blocked_tag);
        const memory::desc filters({out_channels, in_channels, size, size}, f32, any);
        const memory::desc result({batch, out_channels, height, width}, f32, blocked_tag);
        const auto kind = algorithm ? dnnl::algorithm::convolution_winograd : dnnl::algorithm::convolution_direct;
        const auto prop = dnnl::prop_kind::forward_inference;
        const memory::dims strides{1, 1}, padding{pad, pad};
        const auto wanted =
            bias ? dnnl::convolution_forward::desc(prop, kind, source, filters,
                                                   memory::desc({out_channels}, f32, memory::format_tag::x), result,
                                                   strides, padding, padding)
                 : dnnl::convolution_forward::desc(prop, kind, source, filters, result, strides, padding, padding);
        dnnl::primitive_attr attributes;
        attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
        dnnl::post_ops then;
        if (accumulate) then.append_sum(1.0f);
        if (relu) then.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
        attributes.set_post_ops(then);
        const dnnl::convolution_forward::primitive_desc description(wanted, attributes, engine());
        *made = new Convolution{description, dnnl::convolution_forward(description), out_channels % BLOCK != 0,
                                batch, out_channels, height * width};
    });
}

void convolution_delete(Convolution *convolution) { delete convolution; }

const char *convolution_name(const Convolution *convolution) { return convolution->description.impl_info_str(); }

std::int64_t convolution_filter_bytes(const Convolution *convolution) {
    return static_cast<std::int64_t>(convolution->description.weights_desc().get_size());
}

std::int64_t convolution_scratchpad_bytes(const Convolution *convolution) {
    return static_cast<std::int64_t>(convolution->description.scratchpad_desc().get_size());
}

// Two convolutions whose filters have this in common can share prepared filters.
int convolution_filter_layout(const Convolution *convolution, void *layout, int bytes) {
    const memory::desc description = convolution->description.weights_desc();
    if (layout) std::memcpy(layout, &description.data, std::min<size_t>(bytes, sizeof description.data));
    return sizeof description.data;
}

int convolution_prepare(const Convolution *convolution, const float *filters, void *prepared) {
    return guarded([&] {
        const memory::desc wanted = convolution->description.weights_desc();
        const auto &winograd = wanted.data.format_desc.wino_desc;
        if (wanted.data.format_kind == dnnl_format_kind_wino && winograd.wino_format == dnnl_wino_wei_OBaaIBOIio)
            return transform_filters(winograd, filters, static_cast<float *>(prepared));
        const memory from({wanted.dims(), memory::data_type::f32, memory::format_tag::oihw}, engine(),
                          const_cast<float *>(filters));
        memory to(wanted, engine(), prepared);
        dnnl::reorder(from, to).execute(stream(), const_cast<memory &>(from), to);
        stream().wait();
    });
}

int from_blocked(Dimension batch, Dimension channels, Dimension pixels, const float *blocked, float *plain);

int convolution_run(const Convolution *convolution, const float *source, const void *prepared, const float *bias,
                    float *result) {
    return guarded([&] {
        const auto &description = convolution->description;
        void *output = result;
        if (convolution->plain_output) output = padded_output.at_least(description.dst_desc().get_size());
        const auto holding = [](const memory::desc &layout, const void *data) {
            return memory(layout, engine(), const_cast<void *>(data));
        };
        convolution->primitive.execute(
            stream(), {{DNNL_ARG_SRC, holding(description.src_desc(), source)},
                       {DNNL_ARG_WEIGHTS, holding(description.weights_desc(), prepared)},
                       {DNNL_ARG_BIAS, holding(description.bias_desc(), bias)},
                       {DNNL_ARG_DST, holding(description.dst_desc(), output)},
                       {DNNL_ARG_SCRATCHPAD,
                        holding(description.scratchpad_desc(),
                                scratchpad.at_least(description.scratchpad_desc().get_size()))}});
        stream().wait();
        if (convolution->plain_output)
            from_blocked(convolution->batch, convolution->out_channels, convolution->pixels,
                         static_cast<const float *>(output), result);
    });
}

// The Gram matrix of channels over pixels: the weight gradient of a 1x1 convolution of an activation with itself.
int product_new(Dimension channels, Dimension height, Dimension width, Product **made) {
    return guarded([&] {
        const auto f32 = memory::data_type::f32;
        const memory::desc activation({1, channels, height, width}, f32, blocked_tag);
        const memory::desc matrix({channels, channels, 1, 1}, f32, memory::format_tag::any);
        const memory::dims strides{1, 1}, padding{0, 0};
        dnnl::primitive_attr attributes;
        attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
        const auto direct = dnnl::algorithm::convolution_direct;
        const dnnl::convolution_forward::primitive_desc hint(
            {dnnl::prop_kind::forward_training, direct, activation, matrix, activation, strides, padding, padding},
            engine());
        const dnnl::convolution_backward_weights::primitive_desc description(
            {direct, activation, matrix, activation, strides, padding, padding}, attributes, engine(), hint);
        *made = new Product{description, dnnl::convolution_backward_weights(description)};
    });
}

void product_delete(Product *product) { delete product; }

int product_run(const Product *product, const float *activation, float *matrix) {
    return guarded([&] {
        const auto &description = product->description;
        const memory::desc layout = description.diff_weights_desc();
        const size_t pad_bytes = description.scratchpad_desc().get_size();
        auto *working = static_cast<char *>(scratchpad.at_least(pad_bytes + layout.get_size() + 64));
        memory pad(description.scratchpad_desc(), engine(), working);
        memory blocked(layout, engine(), working + (pad_bytes + 63) / 64 * 64);
        memory source(description.src_desc(), engine(), const_cast<float *>(activation));
        product->primitive.execute(stream(), {{DNNL_ARG_SRC, source},
                                              {DNNL_ARG_DIFF_DST, source},
                                              {DNNL_ARG_DIFF_WEIGHTS, blocked},
                                              {DNNL_ARG_SCRATCHPAD, pad}});
        memory plain({layout.dims(), memory::data_type::f32, memory::format_tag::oihw}, engine(), matrix);
        dnnl::reorder(blocked, plain).execute(stream(), blocked, plain);
        stream().wait();
    });
}

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
