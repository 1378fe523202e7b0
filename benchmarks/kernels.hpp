// What both reference kernels share: a track, the full formulae of a pair, and the counting of regions.
#pragma once
#include <cmath>
#include <cstdint>

struct Tracks {            // columns of n tracks at one z plane: mm, slopes, momentum along z in MeV/c
  const double *x, *y, *tx, *ty, *pz;
  int64_t n;
};

struct Task {              // cuts and geometry; all borders excluded
  double z_plane, max_cda, z_min, z_max, lepton_mass;
  double beam_x, beam_y, beam_z;   // the beam line is parallel to z
  const double *boxes;             // z_min, z_max, cda_max of each region, innermost first
  int64_t n_boxes;
};

struct Candidate { double cda, z_vertex, z_tax, cda_tax, mass; };

static inline Candidate reconstruct(double ax, double ay, double atx, double aty, double apz,
                                    double bx, double by, double btx, double bty, double bpz, const Task &t) {
  const double nx = aty - bty, ny = btx - atx, nz = atx * bty - aty * btx;
  const double wx = bx - ax, wy = by - ay, n2 = nx * nx + ny * ny + nz * nz;
  Candidate c;
  c.cda = std::fabs(wx * nx + wy * ny) / std::sqrt(n2);
  const double one = (wy * nx - wx * ny + (wx * bty - wy * btx) * nz) / n2;
  const double two = (wy * nx - wx * ny + (wx * aty - wy * atx) * nz) / n2;
  const double vx = 0.5 * (ax + one * atx + bx + two * btx), vy = 0.5 * (ay + one * aty + by + two * bty);
  c.z_vertex = t.z_plane + 0.5 * (one + two);
  const double px = apz * atx + bpz * btx, py = apz * aty + bpz * bty, pz = apz + bpz;
  const double m2 = t.lepton_mass * t.lepton_mass;
  const double ea = std::sqrt(apz * apz * (1 + atx * atx + aty * aty) + m2);
  const double eb = std::sqrt(bpz * bpz * (1 + btx * btx + bty * bty) + m2);
  c.mass = std::sqrt(2 * (m2 + ea * eb - apz * bpz * (1 + atx * btx + aty * bty)));
  const double qx = vx - t.beam_x, qy = vy - t.beam_y, pt2 = px * px + py * py;
  c.cda_tax = std::fabs(qx * py - qy * px) / std::sqrt(pt2);
  c.z_tax = c.z_vertex - (qx * px + qy * py) / pt2 * pz;
  return c;
}

static inline void count(const Candidate &c, const Task &t, int64_t i, int64_t j, int32_t *by_first, int32_t *by_second,
                         int64_t *mass) {
  if (!(c.cda < t.max_cda && t.z_min < c.z_vertex && c.z_vertex < t.z_max)) return;
  if (!(std::isfinite(c.z_tax) && std::isfinite(c.cda_tax))) return;
  int64_t r = 0;
  while (r < t.n_boxes &&
         !(t.boxes[3 * r] < c.z_tax && c.z_tax < t.boxes[3 * r + 1] && c.cda_tax < t.boxes[3 * r + 2]))
    ++r;
  ++by_first[i * (t.n_boxes + 1) + r];
  ++by_second[j * (t.n_boxes + 1) + r];
  const double bin = (c.mass - 200.0) * (60 / 1200.0);
  if (bin >= 0 && bin < 60) ++mass[r * 60 + int64_t(bin)];
}
