/*
** detector.h - what models of series know of rows that are normal
** (lua/rnn/detector.lua), to tell of others how unusual they are.
*/
#ifndef RNLI_DETECTOR_H
#define RNLI_DETECTOR_H

#include "infer/infer.h"

typedef struct rnli_Normal {
  int D;
  const double *mean;         /* (D) of errors */
  const double *factor;       /* L of their covariance L L', its rows one after
                                 the other: 1, 2, .. D */
  double gate;                /* score above which a forecast stands in */
  double threshold;           /* of smoothed scores */
  int64_t smooth, hold, gap;  /* rows */
} rnli_Normal;

/*
** What the metadata of a model of D targets says of it; '*out' is NULL where
** they do not.
*/
int rnli_normal (rnli_Loader *l, int D, const rnli_Normal **out);

#endif
