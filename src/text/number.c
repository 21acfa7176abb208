/*
** number.c - decimal numbers to the nearest double, whatever the locale.
*/
#include <math.h>
#include <stdlib.h>

#include "text/number.h"
#include "text/text.h"

__extension__ typedef unsigned __int128 Wide;

enum { EXACT = 27 };   /* the powers of 5 up to this one fit in 63 bits */

typedef struct Decimal {
  uint64_t digits;   /* the first 19 */
  int count;         /* of them, without zeros in front */
  int exact;         /* there are no others */
  int exponent;      /* of 10 */
} Decimal;


static const char *read_digits (const char *s, Decimal *d, int fraction,
                                int *some) {
  for (; *s >= '0' && *s <= '9'; s++) {
    *some = 1;
    if (d->count < 19) {
      d->digits = d->digits * 10 + (uint64_t)(*s - '0');
      d->count += d->digits > 0;
      d->exponent -= fraction;
    } else {
      d->exact = 0;
    }
  }
  return s;
}


/* "e-5" and the like; NULL when it is cut short. */
static const char *read_exponent (const char *s, Decimal *d) {
  int e = 0, minus;
  if (*s != 'e' && *s != 'E') return s;
  s++;
  minus = *s == '-';
  if (*s == '-' || *s == '+') s++;
  if (*s < '0' || *s > '9') return NULL;
  for (; *s >= '0' && *s <= '9'; s++)
    if (e < 100000000) e = e * 10 + (*s - '0');
  d->exponent += minus ? -e : e;
  return s;
}


static int leading_zeros (uint64_t x) {
  return __builtin_clzll(x);
}


/*
** m * 2^e rounded to nearest, ties to even; 'below' tells that m > 0 stands for
** slightly more than it is, and then m has more than 54 bits.
*/
static double rounded (Wide m, int below, int e) {
  uint64_t high = (uint64_t)(m >> 64);
  int bits = high ? 128 - leading_zeros(high)
                  : 64 - leading_zeros((uint64_t)m);
  int drop = bits - 53;
  if (drop > 0) {
    Wide half = (Wide)1 << (drop - 1), rest = m & (2 * half - 1);
    m >>= drop;
    m += rest > half || (rest == half && (below || (m & 1)));
    e += drop;
  }
  return ldexp((double)(uint64_t)m, e);
}


/*
** digits * 10^e for |e| <= EXACT: 10 is 5 and a power of two, and product or
** quotient with a power of 5 are had in whole numbers, so it is rounded once.
*/
static double scaled (uint64_t digits, int e) {
  uint64_t five = 1;
  for (int i = e < 0 ? -e : e; i > 0; i--) five *= 5;
  if (digits == 0) return 0;
  if (e >= 0) return rounded((Wide)digits * five, 0, e);
  int up = leading_zeros(digits), down = leading_zeros(five);
  Wide n = (Wide)(digits << up) << 63;
  five <<= down;
  uint64_t q = (uint64_t)(n / five);   /* of 63 or 64 bits */
  return rounded(q, (Wide)q * five != n, e + down - up - 63);
}


/*
** Few digits and a small exponent, as nearly always, need one exact product or
** quotient of doubles (Clinger 1990); others that are not far off need whole
** numbers; strtod, which is slower and looks at the locale, does the rest.
*/
const char *rnli_number (const char *s, locale_t c, double *x) {
  static const double ten[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22};
  const char *from = s;
  Decimal d = {.exact = 1};
  double m;
  int some = 0, minus = *s == '-';
  if (*s == '-' || *s == '+') s++;
  s = read_digits(s, &d, 0, &some);
  if (*s == '.') s = read_digits(s + 1, &d, 1, &some);
  s = some ? read_exponent(s, &d) : NULL;
  if (!s) return NULL;
  if (!d.exact || d.exponent < -EXACT || d.exponent > EXACT) {
    locale_t old = uselocale(c);
    *x = strtod(from, NULL);
    uselocale(old);
    return s;
  }
  if (d.digits >= (uint64_t)1 << 53 || d.exponent < -22 || d.exponent > 22)
    m = scaled(d.digits, d.exponent);
  else
    m = d.exponent < 0 ? (double)d.digits / ten[-d.exponent]
                       : (double)d.digits * ten[d.exponent];
  *x = minus ? -m : m;
  return s;
}
