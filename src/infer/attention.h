/*
** attention.h - the layers "Attention" and "MultiheadAttention": means of what
** a network has remembered, weighted by how it matches queries.
*/
#ifndef RNLI_ATTENTION_H
#define RNLI_ATTENTION_H

#include "infer/infer.h"

typedef struct rnli_Attention {
  int heads;                  /* slices of the features; 1 for "Attention" */
  int Q, K;                   /* features of a query; of what is remembered */
  int E, F;                   /* features of keys, of values, in all heads */
  int C;                      /* of what comes out */
  rnli_Dense query, key, value, out;   /* without panels: as they are */
  const float *w;             /* (E) of additive scores, or NULL: products */
  float scale;                /* of scores */
} rnli_Attention;

/* What is remembered of one text or window, for any number of queries. */
typedef struct rnli_Memory {
  int S;
  const float *keys, *values; /* (S,E), (S,F) */
} rnli_Memory;

/*
** The layer at a path, for queries of Q features and memories of K; all keys
** are seen by all queries. RNL_EFORMAT when it is none such.
*/
int rnli_attention (rnli_Loader *l, const char *path, int Q, int K,
                    rnli_Attention *a);

/* Remembers e (S,K), which must stay, in work memory; S > 0. */
int rnli_remember (const rnl_Model *m, const rnli_Attention *a, rnli_Work *w,
                   const float *e, int S, rnli_Memory *memory);

/* R queries x (R,Q) -> y (R,C); 'weights' (R,S), the mean of the heads', or
** NULL. */
int rnli_attend (const rnl_Model *m, const rnli_Attention *a, rnli_Work *w,
                 const rnli_Memory *memory, const float *x, int R, float *y,
                 float *weights);

#endif
