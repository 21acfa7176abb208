/*
** scaler.h - what makes the numbers of a series fit for a network, as
** lua/rnn/data/scaler.lua has learnt it, and undoes it. Models keep scalers
** without differences: a row goes by itself.
*/
#ifndef RNLI_SCALER_H
#define RNLI_SCALER_H

#include "infer/infer.h"

typedef enum rnli_ScalerKind {
  RNLI_SHIFTED,               /* (x - shift) / scale: "standard", "minmax" */
  RNLI_LOG, RNLI_LOG1P        /* log(x), log(1 + x) */
} rnli_ScalerKind;

typedef struct rnli_ScalerStep {
  rnli_ScalerKind kind;
  const double *shift, *scale;   /* (D), RNLI_SHIFTED alone */
} rnli_ScalerStep;

typedef struct rnli_Scaler {
  int D;                      /* columns */
  int n;
  const rnli_ScalerStep *step;
} rnli_Scaler;

/*
** A scaler of D columns, which has n steps, from its state under a key of a
** description; in memory of the model. RNL_EFORMAT unless it is there, all
** numbers are finite, and scales above 0.
*/
int rnli_scaler (rnli_Loader *l, const rnli_Json *o, const char *key, int D,
                 rnli_Scaler *out);

/*
** A row x (D) as what a network reads. Numbers that a logarithm has no value
** for are not finite afterwards.
*/
void rnli_scale (const rnli_Scaler *s, const double *x, float *y);

/* Back to the unit of the data; numbers of x, and of y, are 'ld' apart. */
void rnli_unscale (const rnli_Scaler *s, const float *x, size_t ld, double *y);

/*
** RNL_EARG unless rows of n numbers, of which the first is row 'first', are
** finite: "WHAT: column 2 of row 3OF is no number".
*/
int rnli_check_rows (rnl_State *s, const char *what, const char *of,
                     const double *x, int rows, int n, int first);

#endif
