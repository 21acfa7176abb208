/*
** draw.c - an id by the probabilities of its scores.
*/
#include "core/core.h"
#include "kernels/vmath.h"

enum { LANES = 16 };


static int32_t likeliest (const float *logits, int n) {
  int32_t best = 0;
  for (int32_t i = 1; i < n; i++)
    if (logits[i] > logits[best]) best = i;
  return best;
}


/* work = e^((x - top) / temperature) */
RNLI_WIDE static void weights (const float *x, int n, float top, float inverse,
                               float *restrict work) {
  for (int i = 0; i < n; i++) work[i] = rnli_exp((x[i] - top) * inverse);
}


/* Over fixed lanes: the same for every vector width. */
RNLI_WIDE static double sum (const float *x, int n) {
  double s[LANES] = {0};
  int i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) s[k] += (double)x[i + k];
  for (int k = 0; i < n; i++, k++) s[k] += (double)x[i];
  for (int w = LANES / 2; w > 0; w /= 2)
    for (int k = 0; k < w; k++) s[k] += s[k + w];
  return s[0];
}


int32_t rnl_draw (const float *logits, int n, double temperature,
                  rnl_Rng *rng, float *work) {
  int32_t best = likeliest(logits, n);
  if (temperature == 0) return best;
  weights(logits, n, logits[best], (float)(1 / temperature), work);
  double rest = rnl_rng_uniform(rng) * sum(work, n);
  for (int32_t i = 0; i < n - 1; i++) {
    rest -= (double)work[i];
    if (rest < 0) return i;
  }
  return n - 1;
}
