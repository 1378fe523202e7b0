"""The dimuon selection in RDataFrame: `python rdataframe.py FILE rvec`, or `compiled` with the library of `frame.cpp`."""

import ctypes
import json
import sys
import warnings

warnings.filterwarnings("ignore")
import ROOT

HELPERS = r"""
using namespace ROOT::VecOps;
using Floats = RVec<float>;
struct At { RVec<double> x, y; };
At at(double z, const RVec<double>& x, const RVec<double>& y, const RVec<double>& z0, const RVec<double>& tx, const RVec<double>& ty) {
  return {x + (z - z0) * tx, y + (z - z0) * ty};
}
bool minimum_ionising(const At& at, const Floats& x, const Floats& y, const Floats& energy, const RVec<double>& p) {
  for (std::size_t i = 0; i < 2; ++i) {
    auto d = sqrt(pow(x - at.x[i], 2) + pow(y - at.y[i], 2));
    double found = 0;
    if (!d.empty()) { auto k = ArgMin(d); if (d[k] < 50) found = energy[k]; }
    if (!(found / p[i] < 0.2)) return false;
  }
  return true;
}
bool muons(const At& at, const Floats& x, const Floats& y, const Floats& t, const RVec<double>& time) {
  for (std::size_t i = 0; i < 2; ++i) {
    auto d = sqrt(pow(x - at.x[i], 2) + pow(y - at.y[i], 2));
    if (!Any(d < 220 && abs(t - time[i]) < 5)) return false;
  }
  return true;
}
RVec<double> vertex(const RVec<double>& x, const RVec<double>& y, const RVec<double>& z, const RVec<double>& tx, const RVec<double>& ty) {
  ROOT::Math::XYZVector d1(tx[0], ty[0], 1), d2(tx[1], ty[1], 1), w(x[1] - x[0], y[1] - y[0], z[1] - z[0]);
  auto n = d1.Cross(d2);
  return {std::abs(w.Dot(n)) / n.R(), 0.5 * (z[0] + z[1] + (w.Cross(d2).Dot(n) + w.Cross(d1).Dot(n)) / n.Mag2())};
}
bool straws(const At& a, double centre) {
  auto dx = a.x - centre;
  auto seen = RVec<int>(abs(dx) > 63.8) + RVec<int>(abs(a.y) > 63.8) + RVec<int>(abs(dx + a.y) / std::sqrt(2) > 63.8) + RVec<int>(abs(dx - a.y) / std::sqrt(2) > 63.8);
  return All(seen >= 2 && sqrt(a.x * a.x + a.y * a.y) < 1000);
}
bool ring(const At& a, double low, double high) { auto r = sqrt(a.x * a.x + a.y * a.y); return All(r > low && r < high); }
bool inside(const At& lkr, const At& muv3) {
  auto ax = abs(lkr.x), ay = abs(lkr.y);
  return All(ax < 1130 && ay < 1130 && (ax + ay) / std::sqrt(2) < 1130 && sqrt(ax * ax + ay * ay) > 150)
      && All(abs(muv3.x) < 1320 && abs(muv3.y) < 1320 && sqrt(muv3.x * muv3.x + muv3.y * muv3.y) > 103);
}
"""


def rvec(path):
    """Define cuts as columns of RVecs and filters of text, compiled when they are run."""
    ROOT.gInterpreter.Declare(HELPERS)
    frame = ROOT.RDataFrame("events", path)
    frame = frame.Define("good", "tracks_chi2 < 20 && tracks_n_chambers >= 3 && tracks_p > 10000")
    frame = frame.Filter("Sum(good) == 2", "two")
    frame = frame.Define("order", "Reverse(Argsort(tracks_charge[good]))")
    for name in (
        "charge",
        "p",
        "time",
        *(f"{n}_{s}" for s in ("before", "after") for n in ("x", "y", "z", "tx", "ty")),
    ):
        frame = frame.Define(name, f"RVec<double>(Take(tracks_{name}[good], order))")
    before, after = (f"x_{side}, y_{side}, z_{side}, tx_{side}, ty_{side}" for side in ("before", "after"))
    planes = {
        "STRAW1": 183508,
        "STRAW2": 194066,
        "STRAW3": 204459,
        "STRAW4": 218885,
        "NewCHOD": 238131.5,
        "LAV12": 238313,
        "CHOD_V": 239009,
        "CHOD_H": 239389,
        "LKr": 241093,
        "MUV3": 246800,
    }
    for name, z in planes.items():
        frame = frame.Define(name, f"at({z}, {before if z < 197000 else after})")
    frame = frame.Define("found", f"vertex({before})")
    cuts = {
        "opposite_charge": "charge[0] == 1 && charge[1] == -1",
        "track_time_difference": "std::abs(time[0] - time[1]) < 5",
        "trigger_time": "All(abs(time - trigger_time) < 5)",
        "e_over_p": "minimum_ionising(LKr, lkr_x, lkr_y, lkr_energy, p)",
        "muv3": "muons(MUV3, muv3_x, muv3_y, muv3_time, time)",
        "cda": "found[0] < 20",
        "vertex_z": "found[1] > 105000 && found[1] < 180000",
        "lav_veto": "All(abs(lav_time - 0.5 * (time[0] + time[1])) >= 10)",
        "straw1_separation": "std::hypot(STRAW1.x[0] - STRAW1.x[1], STRAW1.y[0] - STRAW1.y[1]) > 20",
        "acceptance": "straws(STRAW1, 101.2) && straws(STRAW2, 114.4) && straws(STRAW3, 92.4) && straws(STRAW4, 52.8) && "
        "ring(NewCHOD, 140, 1070) && ring(CHOD_V, 130, 1100) && ring(CHOD_H, 130, 1100) && inside(LKr, MUV3) && "
        "ring(LAV12, 0, 1070)",
    }
    for name, text in cuts.items():
        frame = frame.Filter(text, name)
    columns = [frame.Sum("weight"), frame.Max("run"), frame.Max("burst"), frame.Max("event")]
    columns[0].GetValue()
    report = {str(cut.GetName()): cut.GetPass() for cut in frame.Report().GetValue()}
    return {"two": report.pop("two"), "left": report}


def compiled(path):
    """Run the cuts of dimuon.hpp in a lambda that g++ compiled."""
    library = ctypes.CDLL(sys.argv[3])
    counts = (ctypes.c_int64 * 21)()
    library.frame(path.encode(), counts)
    return {"counts": list(counts)}


print(json.dumps({"rvec": rvec, "compiled": compiled}[sys.argv[2]](sys.argv[1])))
