// Every pair tested in single precision without a division, in blocks the compiler can vectorise; survivors in full.
#include "kernels.hpp"
#include <cstring>
#include <vector>

static constexpr int64_t BLOCK = 1024;

extern "C" int64_t pairs_early(const Tracks *a, const Tracks *b, const Task *t, int32_t *by_first, int32_t *by_second,
                               int64_t *mass, bool full) {
  std::vector<float> x(b->x, b->x + b->n), y(b->y, b->y + b->n), tx(b->tx, b->tx + b->n), ty(b->ty, b->ty + b->n);
  // Single precision moves a distance by less than 0.05 mm and a z by less than 10 m / 1000 here; cut that much wider.
  const float cda2 = float((t->max_cda + 0.05) * (t->max_cda + 0.05));
  const float low = float(t->z_min - t->z_plane - 50.0), high = float(t->z_max - t->z_plane + 50.0);
  int64_t survivors = 0;
  uint8_t keep[BLOCK] = {};
  for (int64_t i = 0; i < a->n; ++i) {
    const float ax = float(a->x[i]), ay = float(a->y[i]), atx = float(a->tx[i]), aty = float(a->ty[i]);
    for (int64_t first = 0; first < b->n; first += BLOCK) {
      const int64_t n = first + BLOCK < b->n ? BLOCK : b->n - first;
      for (int64_t k = 0; k < n; ++k) {
        const float wx = x[first + k] - ax, wy = y[first + k] - ay, sx = tx[first + k] - atx, sy = ty[first + k] - aty;
        const float cross = wx * sy - wy * sx, ds2 = sx * sx + sy * sy, along = -(wx * sx + wy * sy);
        const float c = atx * ty[first + k] - aty * tx[first + k];
        // CDA^2 = cross^2 / (ds^2 + c^2), z - z_plane = along / ds^2
        keep[k] = (cross * cross < cda2 * (ds2 + c * c)) & (along > low * ds2) & (along < high * ds2);
      }
      if (full) {
        // Few survive: eight flags are read at once.
        for (int64_t begin = 0; begin < n; begin += 8) {
          uint64_t word;
          std::memcpy(&word, keep + begin, 8);
          if (!word) continue;
          for (int64_t k = begin; k < begin + 8 && k < n; ++k)
            if (keep[k]) {
              const int64_t j = first + k;
              count(reconstruct(a->x[i], a->y[i], a->tx[i], a->ty[i], a->pz[i],
                                b->x[j], b->y[j], b->tx[j], b->ty[j], b->pz[j], *t),
                    *t, i, j, by_first, by_second, mass);
            }
        }
      } else {
        // Eight flags are counted at once; those behind the last track are cleared.
        for (int64_t k = n; k % 8; ++k) keep[k] = 0;
        for (int64_t begin = 0; begin < n; begin += 8) {
          uint64_t word;
          std::memcpy(&word, keep + begin, 8);
          survivors += __builtin_popcountll(word);
        }
      }
    }
  }
  return survivors;
}
