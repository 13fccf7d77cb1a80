// What the kernels share.  ../build.py compiles the .cpp files beside this one into one library, with Winograd's of 4x4
// tiles, and those of 6x6, if they are asked for, into another; ../library.py calls them.
//
// A blocked activation is (batch, channels / BLOCK, height, width, BLOCK) float32, the layout oneDNN calls nChw16c
// (nChw8c without AVX-512): the BLOCK channels of a pixel are one vector register.
//
// Every function returns 0, or 1 after leaving a message for last_error().

#pragma once

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <new>
#include <omp.h>
#include <string>
#include <sys/mman.h>

namespace kernels {

using Dimension = std::int64_t;

// The compiler's own vectors: AVX-512 or AVX2, as the flags say.  Theano's own arrays are aligned to 16 bytes only.
typedef float Vector __attribute__((vector_size(BLOCK * sizeof(float)), aligned(4), may_alias));
typedef std::int32_t Mask __attribute__((vector_size(BLOCK * sizeof(float))));

// mask > 0 ? value : 0; a NaN in mask gives 0.
inline Vector where_positive(Vector mask, Vector value) {
    const Mask positive = mask > 0.0f;
    return (Vector)(positive & (Mask)value);
}

inline const Vector *vectors(const float *data) { return reinterpret_cast<const Vector *>(data); }
inline Vector *vectors(float *data) { return reinterpret_cast<Vector *>(data); }

// Text of the calling thread's last error, and the threads to run on (0: what OpenMP says).
extern thread_local std::string error_text;
extern int number_of_threads;

// Working memory of one thread: grown when needed, shared by all its kernels, given back with the thread.
class Workspace {
  public:
    ~Workspace() { std::free(data_); }
    void *at_least(size_t bytes) {
        if (bytes > size_) {
            std::free(data_);
            size_ = 0;
            const size_t whole = (bytes + huge_page - 1) / huge_page * huge_page;
            data_ = std::aligned_alloc(huge_page, whole);
            if (!data_) throw std::bad_alloc();
            madvise(data_, whole, MADV_HUGEPAGE);
            size_ = bytes;
        }
        return data_;
    }

  private:
    static constexpr size_t huge_page = 2 << 20;
    void *data_ = nullptr;
    size_t size_ = 0;
};

// Runs a body on the right number of threads; an exception becomes the return value 1 and a message.
template <class Body> int guarded(Body body) {
    try {
        if (number_of_threads > 0) omp_set_num_threads(number_of_threads);
        body();
        return 0;
    } catch (const std::exception &error) {
        error_text = error.what();
        return 1;
    }
}

} // namespace kernels
