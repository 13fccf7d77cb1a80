// The distance between the autocorrelations of lines and targets, and its gradient, by Fourier transforms.
//
// By Parseval's theorem it is the distance between power spectra (see network/autocorrelation.py).  A vector holds the
// same element of BLOCK lines; two such groups of lines share one complex transform, one as its real part and one as its
// imaginary part, which the symmetry of a real line's spectrum takes apart again.  A pair goes through both transforms
// while it is in the cache, and the gradient comes with the distance at the price of the second transform.

#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <vector>

using namespace kernels;

namespace {

struct Complex {
    Vector real, imaginary;
};

inline Complex operator+(Complex a, Complex b) { return {a.real + b.real, a.imaginary + b.imaginary}; }
inline Complex operator-(Complex a, Complex b) { return {a.real - b.real, a.imaginary - b.imaginary}; }
inline Complex operator*(float a, Complex b) { return {a * b.real, a * b.imaginary}; }
inline Complex times_minus_i(Complex a) { return {a.imaginary, -a.real}; }

template <int Radix> void transform_few(Complex *x);

template <> inline void transform_few<2>(Complex *x) {
    const Complex a = x[0], b = x[1];
    x[0] = a + b;
    x[1] = a - b;
}

template <> inline void transform_few<3>(Complex *x) {
    const Complex sum = x[1] + x[2], turned = times_minus_i(0.866025403784438647f * (x[1] - x[2]));
    const Complex middle = x[0] - 0.5f * sum;
    x[0] = x[0] + sum;
    x[1] = middle + turned;
    x[2] = middle - turned;
}

template <> inline void transform_few<4>(Complex *x) {
    const Complex a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = times_minus_i(x[1] - x[3]);
    x[0] = a + c;
    x[1] = b + d;
    x[2] = a - c;
    x[3] = b - d;
}

template <> inline void transform_few<5>(Complex *x) {
    const float c1 = 0.309016994374947424f, c2 = -0.809016994374947424f;
    const float s1 = 0.951056516295153572f, s2 = 0.587785252292473129f;
    const Complex a = x[1] + x[4], b = x[2] + x[3], c = x[1] - x[4], d = x[2] - x[3];
    const Complex p = x[0] + c1 * a + c2 * b, q = x[0] + c2 * a + c1 * b;
    const Complex r = times_minus_i(s1 * c + s2 * d), s = times_minus_i(s2 * c - s1 * d);
    x[0] = x[0] + a + b;
    x[1] = p + r;
    x[2] = q + s;
    x[3] = q - s;
    x[4] = p - r;
}

// One pass of Stockham's transform: `stride` interleaved transforms of `length`, of which a factor `Radix` is done.
template <int Radix>
void pass(Dimension length, Dimension stride, const float *twiddles, const Complex *from, Complex *to) {
    const Dimension part = length / Radix;
    for (Dimension p = 0; p < part; ++p, twiddles += 2 * (Radix - 1))
        for (Dimension q = 0; q < stride; ++q) {
            Complex x[Radix];
            for (int k = 0; k < Radix; ++k) x[k] = from[q + stride * (p + part * k)];
            transform_few<Radix>(x);
            Complex *out = to + q + stride * Radix * p;
            out[0] = x[0];
            for (int k = 1; k < Radix; ++k) {
                const float cosine = twiddles[2 * k - 2], sine = twiddles[2 * k - 1];
                out[stride * k] = {cosine * x[k].real - sine * x[k].imaginary,
                                   cosine * x[k].imaginary + sine * x[k].real};
            }
        }
}

} // namespace

struct Transform {
    Dimension length;
    std::vector<int> radices;
    std::vector<float> twiddles;

    explicit Transform(Dimension asked) : length(asked) {
        const double circle = 2 * std::acos(-1.0);
        Dimension left = length;
        for (int radix : {4, 3, 5, 2})
            for (; left % radix == 0; left /= radix) {
                radices.push_back(radix);
                for (Dimension p = 0; p < left / radix; ++p)
                    for (int k = 1; k < radix; ++k) {
                        const double angle = circle * static_cast<double>(p * k) / static_cast<double>(left);
                        twiddles.push_back(static_cast<float>(std::cos(angle)));
                        twiddles.push_back(static_cast<float>(-std::sin(angle)));
                    }
            }
        if (left != 1 || length % 2) throw std::invalid_argument("A transform's length must be even, of 2, 3 and 5.");
    }

    // Returns whichever of the two holds the result.
    Complex *run(Complex *data, Complex *other) const {
        Dimension left = length, stride = 1;
        const float *factors = twiddles.data();
        for (int radix : radices) {
            (radix == 4   ? pass<4>
             : radix == 3 ? pass<3>
             : radix == 5 ? pass<5>
                          : pass<2>)(left, stride, factors, data, other);
            factors += 2 * (radix - 1) * (left / radix);
            left /= radix;
            stride *= radix;
            std::swap(data, other);
        }
        return data;
    }
};

namespace {

// Where the lines of an activation lie, BLOCK by BLOCK.
struct Lines {
    Dimension planes, height, width, length; // `length` elements a line
    bool blocked, down;                      // down: a line is a column

    Dimension per_plane() const { return (width + BLOCK - 1) / BLOCK; }
    Dimension groups() const {
        if (blocked) return planes * (down ? width : height);
        return down ? planes * per_plane() : (planes * height + BLOCK - 1) / BLOCK;
    }
    // Offset of a group's first element, distance between elements and between lines, number of lines.
    void locate(Dimension group, Dimension &start, Dimension &step, Dimension &next, Dimension &count) const {
        count = BLOCK;
        next = 1;
        if (blocked && down) {
            start = (group / width * height * width + group % width) * BLOCK;
            step = width * BLOCK;
        } else if (blocked) {
            start = group * width * BLOCK;
            step = BLOCK;
        } else if (down) {
            const Dimension column = group % per_plane() * BLOCK;
            start = group / per_plane() * height * width + column;
            step = width;
            count = std::min<Dimension>(BLOCK, width - column);
        } else {
            start = group * BLOCK * width;
            step = 1;
            next = width;
            count = std::min<Dimension>(BLOCK, planes * height - group * BLOCK);
        }
    }
    template <class Each> void visit(Dimension group, Each each) const {
        Dimension start, step, next, count;
        locate(group, start, step, next, count);
        for (Dimension i = 0; i < length; ++i) each(i, start + i * step, next, count);
    }
};

inline Vector load(const float *from, Dimension next, Dimension count) {
    if (next == 1 && count == BLOCK) return *vectors(from);
    Vector found = {};
    for (Dimension lane = 0; lane < count; ++lane) found[lane] = from[lane * next];
    return found;
}

inline void store(float *to, Dimension next, Dimension count, Vector value) {
    if (next == 1 && count == BLOCK)
        *vectors(to) = value;
    else
        for (Dimension lane = 0; lane < count; ++lane) to[lane * next] = value[lane];
}

// Subtracts from each line its mean.  Sums of sums, so that long lines lose no digits.
void centre(Complex *line, Dimension length) {
    Complex total{}, part{};
    for (Dimension i = 0; i < length; ++i) {
        part = part + line[i];
        if (i % 32 == 31 || i == length - 1) {
            total = total + part;
            part = Complex{};
        }
    }
    const Complex mean = (1.0f / static_cast<float>(length)) * total;
    for (Dimension i = 0; i < length; ++i) line[i] = line[i] - mean;
}

inline double sum(Vector values) {
    double total = 0;
    for (int lane = 0; lane < BLOCK; ++lane) total += values[lane];
    return total;
}

// Replaces the transform z of two groups a + i b by 4 (D_a A + i D_b B) with its parts exchanged, D being the
// difference of power spectra, and returns the sum of D^2 over all frequencies of both.
double compare(Complex *z, Dimension length, const Vector *target_a, const Vector *target_b) {
    double total = 0;
    Vector part = {};
    for (Dimension f = 0; f <= length / 2; ++f) {
        const Dimension mirror = f ? length - f : 0;
        const Complex u = z[f], v = z[mirror];
        const Complex a = 0.5f * Complex{u.real + v.real, u.imaginary - v.imaginary};
        const Complex b = 0.5f * Complex{u.imaginary + v.imaginary, v.real - u.real};
        const Vector da = a.real * a.real + a.imaginary * a.imaginary - target_a[f];
        const Vector zero = {};
        const Vector db = target_b ? b.real * b.real + b.imaginary * b.imaginary - target_b[f] : zero;
        const bool once = f == 0 || f == length / 2;
        part += (once ? 1.0f : 2.0f) * (da * da + db * db);
        if (f % 16 == 15 || f == length / 2) {
            total += sum(part);
            part = zero;
        }
        const Complex ga = 4.0f * Complex{da * a.real, da * a.imaginary};
        const Complex gb = 4.0f * Complex{db * b.real, db * b.imaginary};
        z[f] = {ga.imaginary + gb.real, ga.real - gb.imaginary};
        z[mirror] = {gb.real - ga.imaginary, ga.real + gb.imaginary};
    }
    return total;
}

} // namespace

extern "C" {

int transform_new(Dimension length, Transform **made) {
    return guarded([&] { *made = new Transform(length); });
}

// `target`: power spectra, (groups, length / 2 + 1, BLOCK); `distance`: the sum of squared differences over all
// frequencies of all lines; `gradient`: laid out as the activation.
int autocorrelation(const Transform *transform, Dimension planes, Dimension height, Dimension width, int blocked,
                    int down, int centred, const float *activation, const float *target, float *gradient,
                    double *distance) {
    return guarded([&] {
        const Dimension n = down ? height : width, length = transform->length, frequencies = length / 2 + 1;
        if (length < 2 * n - 1) throw std::invalid_argument("A transform must be longer than twice its line.");
        const Lines lines{planes, height, width, n, blocked != 0, down != 0};
        const Dimension groups = lines.groups(), pairs = (groups + 1) / 2;
        std::vector<double> distances(pairs);
        bool enough = true;
#pragma omp parallel
        try {
            static thread_local Workspace workspace;
            auto *buffer = static_cast<Complex *>(workspace.at_least(2 * length * sizeof(Complex)));
            // Summed in order below: the same bits for any number of threads.
#pragma omp for schedule(dynamic) nowait
            for (Dimension pair = 0; pair < pairs; ++pair) {
                const Dimension first = 2 * pair, second = first + 1;
                const bool both = second < groups;
                const Vector zero = {};
                lines.visit(first, [&](Dimension i, Dimension offset, Dimension next, Dimension count) {
                    buffer[i] = {load(activation + offset, next, count), zero};
                });
                if (both)
                    lines.visit(second, [&](Dimension i, Dimension offset, Dimension next, Dimension count) {
                        buffer[i].imaginary = load(activation + offset, next, count);
                    });
                if (centred) centre(buffer, n);
                std::fill(buffer + n, buffer + length, Complex{});
                Complex *spectrum = transform->run(buffer, buffer + length);
                const Vector *targets = vectors(target) + first * frequencies;
                distances[pair] = compare(spectrum, length, targets, both ? targets + frequencies : nullptr);
                // With the parts exchanged before and after, the transform is its own inverse.
                Complex *back = transform->run(spectrum, spectrum == buffer ? buffer + length : buffer);
                if (centred) centre(back, n);
                lines.visit(first, [&](Dimension i, Dimension offset, Dimension next, Dimension count) {
                    store(gradient + offset, next, count, back[i].imaginary);
                });
                if (both)
                    lines.visit(second, [&](Dimension i, Dimension offset, Dimension next, Dimension count) {
                        store(gradient + offset, next, count, back[i].real);
                    });
            }
        } catch (const std::bad_alloc &) {
#pragma omp atomic write
            enough = false;
        }
        if (!enough) throw std::bad_alloc();
        *distance = 0;
        for (double each : distances) *distance += each;
    });
}

} // extern "C"
