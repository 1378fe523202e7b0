// The cuts of selections/dimuon.py for one event, written by hand: what a C++ loop and RDataFrame run.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace dimuon {

enum Cut { CHARGE, PAIR_TIME, TRIGGER_TIME, E_OVER_P, MUV3, CDA, VERTEX_Z, LAV, STRAW1, ACCEPTANCE, CUTS };

struct Tracks {
  std::size_t n;
  const std::int32_t *charge, *chambers;
  const float *p, *time, *chi2;
  const float *x1, *y1, *z1, *tx1, *ty1;  // before the magnet
  const float *x2, *y2, *z2, *tx2, *ty2;  // after it
};
struct Hits {
  std::size_t n;
  const float *x, *y, *value;  // energy or time
};

inline void at(const Tracks& t, std::size_t i, double z, double& x, double& y) {
  const bool before = z < 197000.0;
  const double step = z - double(before ? t.z1[i] : t.z2[i]);
  x = double(before ? t.x1[i] : t.x2[i]) + step * double(before ? t.tx1[i] : t.tx2[i]);
  y = double(before ? t.y1[i] : t.y2[i]) + step * double(before ? t.ty1[i] : t.ty2[i]);
}

inline bool minimum_ionising(const Tracks& t, std::size_t i, const Hits& lkr) {
  double x, y, nearest = INFINITY, energy = 0.0;
  at(t, i, 241093.0, x, y);
  for (std::size_t k = 0; k < lkr.n; ++k) {
    const double d = std::hypot(lkr.x[k] - x, lkr.y[k] - y);
    if (std::isnan(d)) return false;
    if (d < nearest) nearest = d, energy = d < 50.0 ? lkr.value[k] : 0.0;
  }
  return energy / t.p[i] < 0.2;
}

inline bool muon(const Tracks& t, std::size_t i, const Hits& muv3) {
  double x, y;
  at(t, i, 246800.0, x, y);
  for (std::size_t k = 0; k < muv3.n; ++k)
    if (std::hypot(muv3.x[k] - x, muv3.y[k] - y) < 220.0 && std::fabs(double(muv3.value[k]) - t.time[i]) < 5.0) return true;
  return false;
}

inline void vertex(const Tracks& t, std::size_t a, std::size_t b, double& cda, double& z) {
  const double d1[3] = {t.tx1[a], t.ty1[a], 1.0}, d2[3] = {t.tx1[b], t.ty1[b], 1.0};
  const double w[3] = {double(t.x1[b]) - t.x1[a], double(t.y1[b]) - t.y1[a], double(t.z1[b]) - t.z1[a]};
  const double n[3] = {d1[1] - d2[1], d2[0] - d1[0], d1[0] * d2[1] - d1[1] * d2[0]};
  const double n2 = n[0] * n[0] + n[1] * n[1] + n[2] * n[2];
  const double s = ((w[1] - w[2] * d2[1]) * n[0] + (w[2] * d2[0] - w[0]) * n[1] + (w[0] * d2[1] - w[1] * d2[0]) * n[2]) / n2;
  const double u = ((w[1] - w[2] * d1[1]) * n[0] + (w[2] * d1[0] - w[0]) * n[1] + (w[0] * d1[1] - w[1] * d1[0]) * n[2]) / n2;
  cda = n2 > 1e-24 ? std::fabs(w[0] * n[0] + w[1] * n[1] + w[2] * n[2]) / std::sqrt(n2) : NAN;
  z = 0.5 * (t.z1[a] + s + t.z1[b] + u);
}

inline bool straw(const Tracks& t, std::size_t i, double z, double centre) {
  double x, y;
  at(t, i, z, x, y);
  const double dx = x - centre, r = 1.0 / std::sqrt(2.0);
  const int seen = (std::fabs(dx) > 63.8) + (std::fabs(y) > 63.8) + (std::fabs(dx + y) * r > 63.8) + (std::fabs(dx - y) * r > 63.8);
  return seen >= 2 && std::hypot(x, y) < 1000.0;
}

inline bool ring(const Tracks& t, std::size_t i, double z, double low, double high) {
  double x, y;
  at(t, i, z, x, y);
  const double r = std::hypot(x, y);
  return r > low && r < high;
}

inline bool inside(const Tracks& t, std::size_t i) {
  if (!(straw(t, i, 183508.0, 101.2) && straw(t, i, 194066.0, 114.4) && straw(t, i, 204459.0, 92.4) && straw(t, i, 218885.0, 52.8)))
    return false;
  if (!(ring(t, i, 238131.5, 140.0, 1070.0) && ring(t, i, 239009.0, 130.0, 1100.0) && ring(t, i, 239389.0, 130.0, 1100.0)))
    return false;
  double x, y;
  at(t, i, 241093.0, x, y);
  const double ax = std::fabs(x), ay = std::fabs(y);
  if (!(std::fmax(ax, ay) < 1130.0 && (ax + ay) / std::sqrt(2.0) < 1130.0 && std::hypot(x, y) > 150.0)) return false;
  at(t, i, 246800.0, x, y);
  if (!(std::fabs(x) < 1320.0 && std::fabs(y) < 1320.0 && std::hypot(x, y) > 103.0)) return false;
  return !ring(t, i, 238313.0, 1070.0, 1440.0);
}

inline bool passes(int cut, const Tracks& t, std::size_t a, std::size_t b, float trigger, const Hits& lkr, const Hits& muv3,
                   std::size_t n_lav, const float* lav) {
  double x1, y1, x2, y2, cda, z;
  switch (cut) {
    case CHARGE: return t.charge[a] == 1 && t.charge[b] == -1;
    case PAIR_TIME: return std::fabs(double(t.time[a]) - t.time[b]) < 5.0;
    case TRIGGER_TIME: return std::fabs(double(t.time[a]) - trigger) < 5.0 && std::fabs(double(t.time[b]) - trigger) < 5.0;
    case E_OVER_P: return minimum_ionising(t, a, lkr) && minimum_ionising(t, b, lkr);
    case MUV3: return muon(t, a, muv3) && muon(t, b, muv3);
    case CDA: vertex(t, a, b, cda, z); return cda < 20.0;
    case VERTEX_Z: vertex(t, a, b, cda, z); return z > 105000.0 && z < 180000.0;
    case LAV:
      for (std::size_t k = 0; k < n_lav; ++k)
        if (!(std::fabs(lav[k] - 0.5 * (double(t.time[a]) + t.time[b])) >= 10.0)) return false;
      return true;
    case STRAW1:
      at(t, a, 183508.0, x1, y1), at(t, b, 183508.0, x2, y2);
      return std::hypot(x1 - x2, y1 - y2) > 20.0;
    default: return inside(t, a) && inside(t, b);
  }
}

// Bits of the first two cuts that an event fails; -1 without exactly two good tracks.
inline int failed(const Tracks& t, float trigger, const Hits& lkr, const Hits& muv3, std::size_t n_lav, const float* lav) {
  std::size_t good = 0, two[2] = {0, 0};
  for (std::size_t i = 0; i < t.n; ++i)
    if (t.chi2[i] < 20.0f && t.chambers[i] >= 3 && t.p[i] > 10000.0f) {
      if (good < 2) two[good] = i;
      ++good;
    }
  if (good != 2) return -1;
  const bool swapped = t.charge[two[1]] > t.charge[two[0]];
  const std::size_t a = two[swapped], b = two[!swapped];
  int bits = 0, failures = 0;
  for (int cut = 0; cut < CUTS && failures < 2; ++cut)
    if (!passes(cut, t, a, b, trigger, lkr, muv3, n_lav, lav)) bits |= 1 << cut, ++failures;
  return bits;
}

// Numbers of events: all two-track ones, those left after each cut, those that fail nothing but one cut or nothing.
struct Counts {
  std::int64_t two = 0, left[CUTS] = {}, but_one[CUTS] = {};
  void add(int bits) {
    if (bits < 0) return;
    ++two;
    for (int cut = 0; cut < CUTS && !(bits >> cut & 1); ++cut) ++left[cut];
    if (!(bits & (bits - 1)))
      for (int cut = 0; cut < CUTS; ++cut)
        if (!(bits & ~(1 << cut))) ++but_one[cut];
  }
};

}  // namespace dimuon
