/* A CUDA driver without a GPU: memory is the host's, and a launched kernel does nothing.
 *
 * It has what libgpuarray loads, so that Theano's CUDA backend starts, has its kernels compiled by a real
 * NVRTC and hands them over.  The environment says what it pretends to be:
 *   STUB_CUDA_INIT        what cuInit returns (0)
 *   STUB_CUDA_VERSION     the newest CUDA it takes, as cuDriverGetVersion says it (12020)
 *   STUB_CUDA_GPUS        how many GPUs it has (1)
 *   STUB_CUDA_CAPABILITY  their architecture, major and minor (9.0)
 *   STUB_CUDA_RETAIN      what cuDevicePrimaryCtxRetain returns (0)
 *   STUB_CUDA_KERNELS     a folder to write every kernel's PTX to
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIBIBYTE ((size_t)1 << 30)
#define INVALID_IMAGE 200
#define NOT_FOUND 500

static int setting(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

static int capability(int part) {
    const char *text = getenv("STUB_CUDA_CAPABILITY");
    int parts[2] = {9, 0};
    if (text) sscanf(text, "%d.%d", &parts[0], &parts[1]);
    return parts[part];
}

int cuInit(unsigned flags) { return setting("STUB_CUDA_INIT", 0); }
int cuDriverGetVersion(int *version) { *version = setting("STUB_CUDA_VERSION", 12020); return 0; }
int cuGetErrorString(int error, const char **text) { *text = "the stub was told to fail"; return 0; }
int cuGetErrorName(int error, const char **text) { *text = "STUB"; return 0; }

int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetCount(int *count) { *count = setting("STUB_CUDA_GPUS", 1); return 0; }
int cuDeviceGetName(char *name, int length, int device) { snprintf(name, length, "Stub %d", device); return 0; }
int cuDeviceGetPCIBusId(char *id, int length, int device) { snprintf(id, length, "0000:00:%02d.0", device); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 8 * GIBIBYTE; return 0; }
int cuDeviceComputeCapability(int *major, int *minor, int device) {
    *major = capability(0);
    *minor = capability(1);
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
    case 1: case 2: case 3: *value = 1024; break;                    /* block's threads, x, y */
    case 4: *value = 64; break;                                      /* z */
    case 5: *value = 0x7fffffff; break;                              /* grid's x */
    case 6: case 7: *value = 65535; break;                           /* y, z */
    case 8: *value = 49152; break;                                   /* shared memory of a block */
    case 10: *value = 32; break;                                     /* warp */
    case 16: *value = 4; break;                                      /* multiprocessors */
    case 41: *value = 1; break;                                      /* unified addressing */
    case 75: *value = capability(0); break;
    case 76: *value = capability(1); break;
    default: *value = 0;
    }
    return 0;
}

int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { *flags = 0; *active = 0; return 0; }
int cuDevicePrimaryCtxSetFlags(int device, unsigned flags) { return 0; }
int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) { return 0; }
int cuDevicePrimaryCtxRelease(int device) { return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) {
    *context = (void *)1;
    return setting("STUB_CUDA_RETAIN", 0);
}
int cuCtxGetDevice(int *device) { *device = 0; return 0; }
int cuCtxPushCurrent_v2(void *context) { return 0; }
int cuCtxPopCurrent_v2(void **context) { if (context) *context = (void *)1; return 0; }

/* A module is its PTX; a function is its module. */
static int load(char **module, const char *ptx) {
    static int count = 0;
    const char *folder = getenv("STUB_CUDA_KERNELS");
    if (!strstr(ptx, ".target")) return INVALID_IMAGE;
    if (folder) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%d.ptx", folder, count++);
        FILE *file = fopen(path, "w");
        if (!file) return INVALID_IMAGE;
        fputs(ptx, file);
        fclose(file);
    }
    *module = strdup(ptx);
    return 0;
}
int cuModuleLoadData(char **module, const void *image) { return load(module, image); }
int cuModuleLoadDataEx(char **module, const void *image, unsigned count, void *options, void *values) {
    return load(module, image);
}
int cuModuleUnload(char *module) { free(module); return 0; }
int cuModuleGetFunction(void **function, char *module, const char *name) {
    char entry[1024];
    snprintf(entry, sizeof entry, ".entry %s(", name);
    *function = module;
    return strstr(module, entry) ? 0 : NOT_FOUND;
}
int cuFuncGetAttribute(int *value, int attribute, void *function) { *value = 1024; return 0; }
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **parameters, void **extra) {
    return 0;
}

/* Linking hands back what it was given. */
typedef struct { char *data; size_t size; } Link;
int cuLinkCreate(unsigned count, void *options, void *values, Link **state) { *state = calloc(1, sizeof(Link)); return 0; }
int cuLinkCreate_v2(unsigned count, void *options, void *values, Link **state) {
    return cuLinkCreate(count, options, values, state);
}
int cuLinkAddData(Link *state, int type, void *data, size_t size, const char *name, unsigned count, void *options,
                  void *values) {
    state->data = malloc(size + 1);
    memcpy(state->data, data, size);
    state->data[size] = 0;
    state->size = size + 1;
    return 0;
}
int cuLinkAddData_v2(Link *state, int type, void *data, size_t size, const char *name, unsigned count, void *options,
                     void *values) {
    return cuLinkAddData(state, type, data, size, name, count, options, values);
}
int cuLinkComplete(Link *state, void **cubin, size_t *size) { *cubin = state->data; *size = state->size; return 0; }
int cuLinkDestroy(Link *state) { free(state->data); free(state); return 0; }

int cuMemGetInfo_v2(size_t *available, size_t *total) { *available = *total = 8 * GIBIBYTE; return 0; }
int cuMemAlloc_v2(uintptr_t *pointer, size_t bytes) { *pointer = (uintptr_t)calloc(1, bytes); return *pointer ? 0 : 2; }
int cuMemAllocManaged(uintptr_t *pointer, size_t bytes, unsigned flags) { return cuMemAlloc_v2(pointer, bytes); }
int cuMemAllocHost_v2(void **pointer, size_t bytes) { *pointer = calloc(1, bytes); return *pointer ? 0 : 2; }
int cuMemFree_v2(uintptr_t pointer) { free((void *)pointer); return 0; }
int cuMemFreeHost(void *pointer) { free(pointer); return 0; }
int cuMemcpyHtoD_v2(uintptr_t to, const void *from, size_t bytes) { memcpy((void *)to, from, bytes); return 0; }
int cuMemcpyHtoDAsync_v2(uintptr_t to, const void *from, size_t bytes, void *stream) {
    memcpy((void *)to, from, bytes);
    return 0;
}
int cuMemcpyDtoHAsync_v2(void *to, uintptr_t from, size_t bytes, void *stream) {
    memcpy(to, (void *)from, bytes);
    return 0;
}
int cuMemcpyDtoDAsync_v2(uintptr_t to, uintptr_t from, size_t bytes, void *stream) {
    memmove((void *)to, (void *)from, bytes);
    return 0;
}
int cuMemcpyPeerAsync(uintptr_t to, void *there, uintptr_t from, void *here, size_t bytes, void *stream) {
    memmove((void *)to, (void *)from, bytes);
    return 0;
}
int cuMemsetD8Async(uintptr_t pointer, unsigned char value, size_t bytes, void *stream) {
    memset((void *)pointer, value, bytes);
    return 0;
}

int cuEventCreate(void **event, unsigned flags) { *event = (void *)1; return 0; }
int cuEventRecord(void *event, void *stream) { return 0; }
int cuEventSynchronize(void *event) { return 0; }
int cuEventDestroy_v2(void *event) { return 0; }
int cuStreamCreate(void **stream, unsigned flags) { *stream = (void *)1; return 0; }
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) { return 0; }
int cuStreamSynchronize(void *stream) { return 0; }
int cuStreamDestroy_v2(void *stream) { return 0; }
int cuIpcGetMemHandle(void *handle, uintptr_t pointer) { return 0; }
int cuIpcOpenMemHandle(uintptr_t *pointer, ...) { return 1; }
int cuIpcCloseMemHandle(uintptr_t pointer) { return 0; }
