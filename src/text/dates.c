/*
** dates.c - the calendar: reading dates, taking them apart, what lies between
** them. Proleptic Gregorian, days without leap seconds, UTC; nothing here asks
** the system for zones.
*/
#include <math.h>
#include <string.h>

#include "text/text.h"

enum { DAY = 86400, LEAST_YEAR = 1, MOST_YEAR = 9999 };

/* A part of a text. */
typedef struct Span {
  const char *s, *end;
} Span;

/* {== The calendar ======================================================= */

static int64_t floor_div (int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}


/*
** Days since 1970-01-01 and back. Years begin in March and 400 of them, an era,
** repeat, so that the leap day comes last (Hinnant, "chrono-compatible
** low-level date algorithms").
*/
static int64_t days_of (int64_t year, int month, int day) {
  int64_t y = year - (month <= 2);
  int64_t era = floor_div(y, 400), in_era = y - era * 400;
  int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year -
         719468;
}


static void civil_of (int64_t days, rnl_Date *d) {
  int64_t z = days + 719468, era = floor_div(z, 146097);
  int64_t in_era = z - era * 146097;
  int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
  int64_t m = (5 * in_year + 2) / 153;
  d->day = (int)(in_year - (153 * m + 2) / 5) + 1;
  d->month = (int)(m < 10 ? m + 3 : m - 9);
  d->year = (int)(y + era * 400 + (d->month <= 2));
}


static int is_leap (int64_t y) {
  return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}


static int month_days (int64_t year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && is_leap(year));
}


/* 0 is Monday. */
static int weekday_of (int64_t days) {
  return (int)(days + 3 - 7 * floor_div(days + 3, 7));
}


static int in_range (double seconds) {
  return seconds >= RNL_DATE_LEAST && seconds < RNL_DATE_END;
}


int rnl_date_of (double seconds, rnl_Date *d) {
  if (!in_range(seconds)) return 0;
  double whole = floor(seconds);
  double micro = floor((seconds - whole) * 1e6 + 0.5);
  if (micro >= 1e6) {
    whole++;
    micro = 0;
  }
  if (!in_range(whole)) return 0;
  int64_t t = (int64_t)whole, days = floor_div(t, DAY), rest = t - days * DAY;
  civil_of(days, d);
  d->hour = (int)(rest / 3600);
  d->minute = (int)(rest / 60 % 60);
  d->second = (double)(rest % 60) + micro / 1e6;
  d->weekday = weekday_of(days) + 1;
  d->yearday = (int)(days - days_of(d->year, 1, 1)) + 1;
  return 1;
}

/* }====================================================================== */

/* {== Reading ============================================================ */

static const char *const SPELLING = "spelling";
static const char *const ORDER = "order";
static const char *const RANGE = "range";

/* What was read of a date. */
typedef struct Fields {
  int year, month, day, hour, minute, second;
  double fraction;
  int zone;           /* minutes east */
  int yearday;        /* 0: month and day count */
  int half;           /* 1: hours are of a clock of 12; 2: and after noon */
  int epoch;           /* 'seconds' is all there is */
  double seconds;
} Fields;


static int is_digit (char c) {
  return c >= '0' && c <= '9';
}


/* A number of 'least' to 'most' digits. */
static int number (Span *t, int least, int most, int *x) {
  int n = 0;
  for (*x = 0; n < most && t->s < t->end && is_digit(*t->s); n++)
    *x = *x * 10 + (*t->s++ - '0');
  return n >= least;
}


static int next_is (Span *t, char c) {
  if (t->s == t->end || *t->s != c) return 0;
  t->s++;
  return 1;
}


/* Digits behind a point. */
static int fraction (Span *t, double *x) {
  double sum = 0, unit = 1;
  int n = 0;
  for (; t->s < t->end && is_digit(*t->s); t->s++, n++) {
    if (n >= 15) continue;
    sum = sum * 10 + (*t->s - '0');
    unit *= 10;
  }
  *x = sum / unit;
  return n > 0;
}


/* "Z", "+02", "+0200" or "+02:00". */
static int zone (Span *t, int *minutes) {
  int h, m = 0, minus;
  *minutes = 0;
  if (next_is(t, 'Z')) return 1;
  minus = next_is(t, '-');
  if (!minus && !next_is(t, '+')) return 0;
  if (!number(t, 2, 2, &h)) return 0;
  if (next_is(t, ':') || (t->s < t->end && is_digit(*t->s)))
    if (!number(t, 2, 2, &m)) return 0;
  *minutes = minus ? -(h * 60 + m) : h * 60 + m;
  return h < 24 && m < 60;
}


/* The seconds of what was read; returns why there are none, or NULL. */
static const char *seconds_of (const Fields *f, double *seconds) {
  int hour = f->hour;
  if (f->epoch) {
    *seconds = f->seconds;
    return in_range(*seconds) ? NULL : RANGE;
  }
  if (f->half && (hour < 1 || hour > 12)) return RANGE;
  if (f->half) hour = hour % 12 + (f->half == 2 ? 12 : 0);
  if (f->year < LEAST_YEAR || f->month < 1 || f->month > 12 || f->day < 1 ||
      f->day > month_days(f->year, f->month) || f->minute > 59 ||
      f->second > 59 || f->yearday > 365 + is_leap(f->year))
    return RANGE;
  if (hour > 23 && (hour > 24 || f->minute || f->second || f->fraction > 0))
    return RANGE;   /* 24:00 is the end of the day */
  int64_t days = f->yearday ? days_of(f->year, 1, 1) + f->yearday - 1
                            : days_of(f->year, f->month, f->day);
  int64_t t = days * DAY + hour * 3600 + (f->minute - f->zone) * 60 +
              f->second;
  *seconds = (double)t + f->fraction;
  return in_range(*seconds) ? NULL : RANGE;
}

/* {== Without a format === */

/* "HH:MM", "HH:MM:SS" or "HH:MM:SS.fff", and a zone. */
static int clock_time (Span *t, Fields *f) {
  if (!number(t, 1, 2, &f->hour) || !next_is(t, ':') ||
      !number(t, 2, 2, &f->minute))
    return 0;
  if (next_is(t, ':')) {
    if (!number(t, 2, 2, &f->second)) return 0;
    if (next_is(t, '.') && !fraction(t, &f->fraction)) return 0;
  }
  return t->s == t->end || zone(t, &f->zone);
}


/* A date that begins with a year of four digits. */
static int plain_date (Span *t, Fields *f) {
  if (!number(t, 4, 4, &f->year)) return 0;
  if (t->s == t->end) return 1;
  if (is_digit(*t->s)) {   /* YYYYMMDD */
    if (!number(t, 2, 2, &f->month) || !number(t, 2, 2, &f->day)) return 0;
  } else {
    char c = *t->s;
    if ((c != '-' && c != '/') || !next_is(t, c) ||
        !number(t, 1, 2, &f->month))
      return 0;
    if (t->s == t->end) return 1;
    if (!next_is(t, c) || !number(t, 1, 2, &f->day)) return 0;
  }
  if (t->s == t->end) return 1;
  return (next_is(t, 'T') || next_is(t, ' ')) && clock_time(t, f);
}


/* Is it as 03/04/2020, where the day may come first or the month? */
static int is_order (Span t) {
  int x, years;
  if (!number(&t, 1, 2, &x) || t.s == t.end) return 0;
  char c = *t.s;
  if (!strchr("/.-", c) || !next_is(&t, c) || !number(&t, 1, 2, &x) ||
      !next_is(&t, c))
    return 0;
  const char *from = t.s;
  if (!number(&t, 2, 4, &x)) return 0;
  years = (int)(t.s - from);
  return years != 3 && (t.s == t.end || *t.s == ' ' || *t.s == 'T');
}

/* }=== */

/* {== With a format === */

static char lower (char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}


/* Passes over the word 's', in letters of any case. */
static int word (Span *t, const char *s, size_t n) {
  if ((size_t)(t->end - t->s) < n) return 0;
  for (size_t i = 0; i < n; i++)
    if (lower(t->s[i]) != s[i]) return 0;
  t->s += n;
  return 1;
}


/* The name of a month or three letters of it; its number, or 0. */
static int month_name (Span *t) {
  static const char *const name[] = {"january", "february", "march", "april",
    "may", "june", "july", "august", "september", "october", "november",
    "december"};
  for (int i = 0; i < 12; i++)
    if (word(t, name[i], strlen(name[i])) || word(t, name[i], 3)) return i + 1;
  return 0;
}


static int unix_seconds (Span *t, Fields *f) {
  double whole = 0;
  int minus = next_is(t, '-');
  const char *from = t->s;
  for (; t->s < t->end && is_digit(*t->s); t->s++)
    whole = whole * 10 + (*t->s - '0');
  if (t->s == from) return 0;
  if (next_is(t, '.') && !fraction(t, &f->fraction)) return 0;
  f->epoch = 1;
  f->seconds = minus ? -(whole + f->fraction) : whole + f->fraction;
  return 1;
}


/* What a letter behind '%' stands for. */
static int directive (Span *t, char letter, Fields *f) {
  switch (letter) {
    case 'Y': return number(t, 4, 4, &f->year);
    case 'y':
      if (!number(t, 2, 2, &f->year)) return 0;
      f->year += f->year < 69 ? 2000 : 1900;
      return 1;
    case 'm': return number(t, 1, 2, &f->month);
    case 'b': case 'B': return (f->month = month_name(t)) > 0;
    case 'd': return number(t, 1, 2, &f->day);
    case 'j': return number(t, 1, 3, &f->yearday) && f->yearday > 0;
    case 'H': return number(t, 1, 2, &f->hour);
    case 'I':
      if (!f->half) f->half = 1;
      return number(t, 1, 2, &f->hour);
    case 'p':
      if (word(t, "pm", 2)) f->half = 2;
      else if (!word(t, "am", 2)) return 0;
      return 1;
    case 'M': return number(t, 1, 2, &f->minute);
    case 'S': return number(t, 1, 2, &f->second);
    case 'f': return fraction(t, &f->fraction);
    case 'z': return zone(t, &f->zone);
    case 's': return unix_seconds(t, f);
    case '%': return next_is(t, '%');
    default: return 0;
  }
}


static int as_format (Span *t, const char *format, Fields *f) {
  for (; *format; format++) {
    if (*format == ' ') {
      if (t->s == t->end || *t->s != ' ') return 0;
      while (next_is(t, ' ')) continue;
    } else if (*format != '%') {
      if (!next_is(t, *format)) return 0;
    } else if (!directive(t, *++format, f)) {
      return 0;
    }
  }
  return t->s == t->end;
}

/* }=== */

const char *rnl_date_read (const char *s, size_t n, const char *format,
                           double *seconds) {
  Fields f = {.month = 1, .day = 1};
  Span t = {s, s + n};
  if (format) {
    if (!as_format(&t, format, &f)) return SPELLING;
  } else if (!plain_date(&t, &f)) {
    return is_order((Span){s, s + n}) ? ORDER : SPELLING;
  }
  return seconds_of(&f, seconds);
}

/* }====================================================================== */

/* {== Steps ============================================================== */

static int64_t month_of (const rnl_Date *d) {
  return (int64_t)d->year * 12 + d->month - 1;
}


/* The day of a month that stands for 'day' where it is too short for that. */
static int clamped (int64_t month, int day) {
  int last = month_days(floor_div(month, 12), (int)(month % 12) + 1);
  return day < last ? day : last;
}


/* So many weekdays on; from a weekend they count from its near side. */
static int64_t weekdays_on (int64_t days, int64_t n) {
  int at = weekday_of(days);
  if (n == 0) return days;
  if (at > 4) {
    days += n > 0 ? 4 - at : 7 - at;
    at = n > 0 ? 4 : 0;
  }
  int64_t weeks = floor_div(at + n, 5);
  return days - at + weeks * 7 + (at + n - weeks * 5);
}


int rnl_date_after (double seconds, const rnl_Frequency *f, int64_t n,
                    double *out) {
  rnl_Date d;
  double steps = (double)n * f->count;
  *out = seconds;
  if (!rnl_date_of(seconds, &d) || !(fabs(steps) < 1e15)) return 0;
  if (f->unit == RNL_SECONDS) {
    *out = seconds + steps;
  } else if (f->unit == RNL_DAYS) {
    *out = seconds + steps * DAY;
  } else {
    int64_t days = (int64_t)floor(seconds / DAY), to;
    if (f->unit == RNL_WEEKDAYS) {
      to = weekdays_on(days, (int64_t)steps);
    } else {
      int64_t month = month_of(&d) + (int64_t)steps;
      if (month < 12 * LEAST_YEAR || month >= 12 * (MOST_YEAR + 1)) return 0;
      to = days_of(floor_div(month, 12), (int)(month % 12) + 1,
                   clamped(month, f->day ? f->day : d.day));
    }
    *out = seconds + (double)(to - days) * DAY;
  }
  return in_range(*out);
}

/* }====================================================================== */

/* {== Frequencies ======================================================== */

/* One time, as it is compared with the one before it. */
typedef struct Place {
  double t;        /* seconds */
  int64_t days;
  double clock;    /* seconds of the day */
  int64_t month;
  int day;         /* of the month */
} Place;

enum { CANDIDATES = 4 };

static const double SLACK = 1e-6;   /* seconds that doubles may be off */


static Place place_of (double t) {
  rnl_Date d;
  Place p = {.t = t, .days = (int64_t)floor(t / DAY)};
  p.clock = t - (double)p.days * DAY;
  civil_of(p.days, &d);
  p.month = month_of(&d);
  p.day = d.day;
  return p;
}


static int same (double a, double b) {
  return fabs(a - b) <= SLACK;
}


/* Steps of a frequency from one time to another, 0 when it is no whole number
** of them. */
static int64_t steps_between (const rnl_Frequency *f, const Place *a,
                              const Place *b) {
  if (f->unit == RNL_SECONDS) {
    double n = floor((b->t - a->t) / f->count + 0.5);
    return n < 1e15 && same(b->t - a->t, n * f->count) ? (int64_t)n : 0;
  }
  if (!same(a->clock, b->clock)) return 0;
  if (f->unit == RNL_MONTHS) {
    int64_t n = b->month - a->month, each = (int64_t)f->count;
    return each > 0 && n % each == 0 && a->day == clamped(a->month, f->day) &&
           b->day == clamped(b->month, f->day) ? n / each : 0;
  }
  int from = weekday_of(a->days), to = weekday_of(b->days);
  if (from > 4 || to > 4) return 0;
  return (b->days - to - (a->days - from)) / 7 * 5 + to - from;
}


/* What most of the values that it was given are, if most are one (Boyer and
** Moore). */
typedef struct Vote {
  double x;
  size_t n;
} Vote;


static void vote (Vote *v, double x) {
  if (v->n > 0 && !same(v->x, x)) {
    v->n--;
    return;
  }
  if (v->n == 0) v->x = x;
  v->n++;
}


/* How many of the steps are one of 'f'. */
static size_t count_fits (const double *t, size_t n, const rnl_Frequency *f) {
  size_t fits = 0;
  Place before = place_of(t[0]);
  for (size_t i = 1; i < n; i++) {
    Place p = place_of(t[i]);
    fits += steps_between(f, &before, &p) == 1;
    before = p;
  }
  return fits;
}


/*
** The frequencies that it may be, those that win a tie first: ends of months, a
** day of the month, equal steps (a month has days too, and days within a week
** are weekdays), weekdays.
*/
static void find_candidates (const double *t, size_t n,
                             rnl_Frequency to[CANDIDATES]) {
  Vote seconds = {0, 0}, months = {0, 0}, day = {0, 0};
  Place before = place_of(t[0]);
  vote(&day, before.day);
  for (size_t i = 1; i < n; i++) {
    Place p = place_of(t[i]);
    vote(&seconds, p.t - before.t);
    vote(&months, (double)(p.month - before.month));
    vote(&day, p.day);
    before = p;
  }
  double whole = floor(seconds.x + 0.5);
  if (whole > 0 && same(seconds.x, whole)) seconds.x = whole;
  to[0] = (rnl_Frequency){RNL_MONTHS, months.x, 31};
  to[1] = (rnl_Frequency){RNL_MONTHS, months.x, (int)day.x};
  to[2] = (rnl_Frequency){RNL_SECONDS, seconds.x, 0};
  to[3] = (rnl_Frequency){RNL_WEEKDAYS, 1, 0};
}


/* The first time that does not come after the one before it. */
static rnl_Spacing check_order (const double *t, size_t n, size_t *row) {
  for (size_t i = 0; i < n; i++) {
    *row = i;
    if (!in_range(t[i])) return RNL_NO_TIME;
    if (i > 0 && t[i] <= t[i - 1])
      return t[i] == t[i - 1] ? RNL_TWICE : RNL_BACK;
  }
  return RNL_REGULAR;
}


/* The first step that is not one of 'f'. */
static rnl_Spacing find_break (const double *t, size_t n,
                               const rnl_Frequency *f, size_t *row,
                               int64_t *steps) {
  for (size_t i = 1; i < n; i++) {
    Place a = place_of(t[i - 1]), b = place_of(t[i]);
    *row = i;
    *steps = steps_between(f, &a, &b);
    if (*steps != 1) return *steps > 1 ? RNL_GAP : RNL_OFF;
  }
  return RNL_REGULAR;
}


rnl_Spacing rnl_date_frequency (const double *t, size_t n, rnl_Frequency *f,
                                size_t *row, int64_t *steps) {
  rnl_Frequency may[CANDIDATES];
  size_t most = 0;
  *row = 0;
  *steps = 0;
  *f = (rnl_Frequency){RNL_SECONDS, 0, 0};
  if (n < 2) return RNL_FEW;
  rnl_Spacing order = check_order(t, n, row);
  if (order != RNL_REGULAR) return order;
  find_candidates(t, n, may);
  for (int i = 0; i < CANDIDATES; i++) {
    size_t fits = count_fits(t, n, &may[i]);
    if (fits <= most) continue;
    most = fits;
    *f = may[i];
  }
  if (2 * most < n - 1) return RNL_IRREGULAR;
  rnl_Spacing spacing = find_break(t, n, f, row, steps);
  if (f->unit == RNL_SECONDS && fmod(f->count, DAY) == 0)
    *f = (rnl_Frequency){RNL_DAYS, f->count / DAY, 0};
  return spacing;
}

/* }====================================================================== */
