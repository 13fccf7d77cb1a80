// Convolutions by oneDNN's direct kernels: what Winograd's algorithm does not serve.

#include "kernels.h"

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cstring>

using namespace kernels;
using dnnl::memory;

namespace {

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

} // namespace

// A convolution of stride 1 with "same" padding, prepared for one shape.
struct Convolution {
    dnnl::convolution_forward::primitive_desc description;
    dnnl::convolution_forward primitive;
    bool plain_output;
    Dimension batch, out_channels, pixels;
};

extern "C" {

// The source is plain where its channels are not whole blocks, and so is the result.
int convolution_new(Dimension batch, Dimension in_channels, Dimension out_channels, Dimension height, Dimension width,
                    Dimension size, int bias, int relu, int accumulate, Convolution **made) {
    return guarded([&] {
        const auto f32 = memory::data_type::f32;
        const auto any = memory::format_tag::any;
        const Dimension pad = size / 2;
        const memory::desc source({batch, in_channels, height, width}, f32,
                                  in_channels % BLOCK ? memory::format_tag::nchw : blocked_tag);
        const memory::desc filters({out_channels, in_channels, size, size}, f32, any);
        const memory::desc result({batch, out_channels, height, width}, f32, blocked_tag);
        const auto kind = dnnl::algorithm::convolution_direct;
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

std::int64_t convolution_filter_bytes(const Convolution *convolution) {
    return static_cast<std::int64_t>(convolution->description.weights_desc().get_size());
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

} // extern "C"
