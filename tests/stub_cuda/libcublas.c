/* A cuBLAS that multiplies nothing: it goes with the driver that has no GPU. */
int cublasCreate_v2(void **handle) { *handle = (void *)1; return 0; }
int cublasGetProperty(int part, int *value) { *value = part == 0 ? 11 : part == 1 ? 11 : 3; return 0; }

#define NOTHING(name) int name() { return 0; }
NOTHING(cublasDestroy_v2)
NOTHING(cublasSetStream_v2)
NOTHING(cublasSetPointerMode_v2)
NOTHING(cublasGetPointerMode_v2)
NOTHING(cublasSetAtomicsMode)
NOTHING(cublasSdot_v2)
NOTHING(cublasDdot_v2)
NOTHING(cublasSgemm_v2)
NOTHING(cublasDgemm_v2)
NOTHING(cublasSgemv_v2)
NOTHING(cublasDgemv_v2)
NOTHING(cublasSger_v2)
NOTHING(cublasDger_v2)
NOTHING(cublasSgemmEx)
NOTHING(cublasSgemmBatched)
NOTHING(cublasDgemmBatched)
NOTHING(cublasHgemmStridedBatched)
NOTHING(cublasSgemmStridedBatched)
NOTHING(cublasDgemmStridedBatched)
