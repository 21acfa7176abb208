/*
** level.h - the instruction sets kernels are compiled for. Pointers and sizes
** only below this folder: it knows no tensors and no context.
*/
#ifndef RNLI_LEVEL_H
#define RNLI_LEVEL_H

#if defined(__x86_64__) && defined(__GNUC__)
#define RNLI_X86
#if defined(__clang__) || __GNUC__ >= 10   /* gcc 9 does not know BF16 */
#define RNLI_X86_BF16
#endif
#endif

/* Each has what those before it have. */
typedef enum rnli_Level {
  RNLI_PORTABLE,      /* whatever the compiler assumes */
  RNLI_AVX2,          /* x86 with AVX2 and FMA */
  RNLI_AVX512,        /* x86 with AVX-512 F, BW, DQ, VL */
  RNLI_AVX512_BF16,   /* and with BF16 and VNNI */
  RNLI_NLEVEL
} rnli_Level;

extern const char *const rnli_level_name[RNLI_NLEVEL];

/* The best level this machine has. */
rnli_Level rnli_level_best (void);

#endif
