/*
** rng.c - xoshiro256** by Blackman and Vigna (2018), public domain algorithm,
** written from its definition; integers only, so the same on every machine.
*/
#include <math.h>

#include "rnl.h"


static uint64_t rotl (uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}


void rnl_rng_seed (rnl_Rng *rng, uint64_t seed) {
  for (int i = 0; i < 4; i++) {   /* splitmix64 */
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    rng->s[i] = z ^ (z >> 31);
  }
}


uint64_t rnl_rng_next (rnl_Rng *rng) {
  uint64_t *s = rng->s;
  uint64_t result = rotl(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return result;
}


double rnl_rng_uniform (rnl_Rng *rng) {
  return (double)(rnl_rng_next(rng) >> 11) * 0x1p-53;
}


/* Box and Muller (1958), the cosine half: always two draws, no saved half. */
double rnl_rng_normal (rnl_Rng *rng) {
  double u = 1.0 - rnl_rng_uniform(rng);   /* (0,1] */
  double v = rnl_rng_uniform(rng);
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
