/*
** decimal.c - decimal numbers to the nearest double, ties to even, whatever
** the locale: in whole numbers, so that it is exact for any count of digits.
*/
#include <math.h>

#include "io/json.h"

/*
** No double, and no middle of two, has more than 767 digits: of digits beyond
** DIGITS it only matters whether they are zeros. Room is for so many digits (80
** words) and for what widened() puts below those of the smallest double (116).
*/
enum {
  DIGITS = 770,
  LEAST = -323,   /* what is below 10^(LEAST-1) is 0 */
  MOST = 309,     /* 10^MOST is infinite */
  WORDS = 200
};

typedef struct Big {
  uint32_t word[WORDS];   /* the lowest first */
  int n;
  int rest;               /* the number is larger, by less than 1 */
} Big;

typedef struct Decimal {
  Big digits;
  int count;              /* of them, without zeros in front */
  int64_t exponent;       /* of 10 */
} Decimal;


static void multiply (Big *b, uint32_t by, uint32_t plus) {
  uint64_t carry = plus;
  for (int i = 0; i < b->n; i++) {
    carry += (uint64_t)b->word[i] * by;
    b->word[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry) b->word[b->n++] = (uint32_t)carry;
}


static void divide (Big *b, uint32_t by) {
  uint64_t over = 0;
  for (int i = b->n; i-- > 0;) {
    over = over << 32 | b->word[i];
    b->word[i] = (uint32_t)(over / by);
    over %= by;
  }
  while (b->n > 0 && b->word[b->n - 1] == 0) b->n--;
  if (over) b->rest = 1;
}


static int bit (const Big *b, int i) {
  if (i < 0 || i >= 32 * b->n) return 0;
  return b->word[i / 32] >> i % 32 & 1;
}


/* Puts zero words below, as many as '*b' / 10^e needs to keep 64 bits. */
static int widened (Big *b, int e) {
  int words = (64 + 10 * e / 3) / 32 + 1;
  for (int i = b->n; i-- > 0;) b->word[i + words] = b->word[i];
  for (int i = 0; i < words; i++) b->word[i] = 0;
  b->n += words;
  return 32 * words;
}


/* '*b' (> 0) / 2^shift */
static double rounded (const Big *b, int shift) {
  int top = 32 * b->n, rest = b->rest;
  while (!bit(b, top - 1)) top--;
  int low = top - 53;         /* the last bit that is kept */
  if (low < shift - 1074) low = shift - 1074;
  uint64_t m = 0;
  for (int i = low + 53; i-- > low;) m = m << 1 | (uint64_t)bit(b, i);
  for (int i = 0; i < low - 1 && !rest; i++) rest = bit(b, i);
  m += bit(b, low - 1) && (rest || (m & 1));
  return ldexp((double)m, low - shift);
}


static double nearest (Decimal *d) {
  Big *b = &d->digits;
  int shift = 0;
  if (d->count == 0 || d->count + d->exponent < LEAST) return 0;
  if (d->count + d->exponent > MOST) return HUGE_VAL;
  int e = (int)d->exponent;
  if (e < 0) shift = widened(b, -e);
  for (; e > 0; e--) multiply(b, 10, 0);
  for (; e <= -9; e += 9) divide(b, 1000000000);
  for (; e < 0; e++) divide(b, 10);
  return rounded(b, shift);
}


static void add_digit (Decimal *d, int digit, int fraction) {
  if (d->count < DIGITS) {
    multiply(&d->digits, 10, (uint32_t)digit);
    d->count += d->digits.n > 0;
    d->exponent -= fraction;
  } else {
    if (digit) d->digits.rest = 1;
    d->exponent += !fraction;
  }
}


double rnli_decimal (const char *s, size_t n) {
  static const int64_t far = (int64_t)1 << 56;   /* no text is so long */
  Decimal d = {.count = 0};
  size_t i = s[0] == '-';
  int fraction = 0;
  for (; i < n && s[i] != 'e' && s[i] != 'E'; i++) {
    if (s[i] == '.') fraction = 1;
    else add_digit(&d, s[i] - '0', fraction);
  }
  if (i < n) {
    int64_t e = 0;
    int minus = s[++i] == '-';
    if (minus || s[i] == '+') i++;
    for (; i < n && e < far; i++) e = 10 * e + (s[i] - '0');
    d.exponent += minus ? -e : e;
  }
  double x = nearest(&d);
  return s[0] == '-' ? -x : x;
}
