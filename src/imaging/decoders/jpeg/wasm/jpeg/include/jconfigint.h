#define HIDDEN
#define INLINE inline __attribute__((always_inline))
#define THREAD_LOCAL
#define SIZEOF_SIZE_T 4
#define FALLTHROUGH __attribute__((fallthrough));
/* 16 bits for the multipliers, as with libjpeg-turbo's own SIMD code, and memory aligned for it. */
#define MULTIPLIER short
#define ALIGN_SIZE 16
#define NO_GETENV
#define NO_PUTENV
