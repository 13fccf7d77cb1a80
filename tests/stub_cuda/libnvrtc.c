/* An NVRTC that compiles nothing: STUB_NVRTC_VERSION is what it says it is (11.8), STUB_NVRTC_FAILS its only error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int kepler_to_hopper[] = {35, 37, 50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90};
/* CUDA 11.2 ends at 8.6. */
static int count(void) {
    const char *version = getenv("STUB_NVRTC_VERSION");
    return version && !strcmp(version, "11.2") ? 13 : 16;
}

int nvrtcVersion(int *major, int *minor) {
    const char *version = getenv("STUB_NVRTC_VERSION");
    sscanf(version ? version : "11.8", "%d.%d", major, minor);
    return 0;
}
int nvrtcGetNumSupportedArchs(int *number) { *number = count(); return 0; }
int nvrtcGetSupportedArchs(int *numbers) { memcpy(numbers, kepler_to_hopper, count() * sizeof(int)); return 0; }

static const char *failure(void) { return getenv("STUB_NVRTC_FAILS") ? getenv("STUB_NVRTC_FAILS") : ""; }
int nvrtcCreateProgram(void **program) { *program = (void *)1; return 0; }
int nvrtcCompileProgram(void *program, int number, const char **options) { return *failure() ? 7 : 0; }
int nvrtcGetProgramLogSize(void *program, size_t *size) { *size = strlen(failure()) + 1; return 0; }
int nvrtcGetProgramLog(void *program, char *log) { strcpy(log, failure()); return 0; }
int nvrtcDestroyProgram(void **program) { return 0; }
const char *nvrtcGetErrorString(int result) { return "NVRTC_ERROR"; }
