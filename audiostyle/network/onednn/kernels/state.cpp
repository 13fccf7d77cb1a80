// What a library of kernels remembers between calls: the last error and the number of threads.

#include "kernels.h"

namespace kernels {
thread_local std::string error_text;
int number_of_threads = 0;
} // namespace kernels

using namespace kernels;

extern "C" {

const char *last_error() { return error_text.c_str(); }

void set_threads(int threads) { number_of_threads = threads; }

int get_threads() { return number_of_threads > 0 ? number_of_threads : omp_get_max_threads(); }

} // extern "C"
