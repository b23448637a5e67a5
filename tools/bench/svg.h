// Line charts as SVG text. Nothing is read or written; the caller keeps the text.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ampt::bench {

struct Axis {
  std::string label;  // with the unit
  int base = 0;       // of a logarithmic scale, 2 or 10; 0: linear, from 0
};

struct Point {
  double x;
  double y;
};

struct Series {
  std::string name;
  size_t colour;  // of so many that are easily told apart, also by the colour-blind
  size_t dashes;  // 0: a full line; 1 and 2: dashed, dotted
  std::vector<Point> points;
};

struct Chart {
  std::string title;
  Axis x;
  Axis y;
  std::vector<Series> series;
};

// Points that a logarithmic scale cannot show, and series without points, are left out.
std::string Svg(const Chart& chart);

// Where an axis is marked so that low and high lie between the first and the last mark: at 1, 2 or
// 5 times a power of ten, about six of them; on a logarithmic axis at powers of its base, with
// those times 2 and 5 where two powers of ten would be all. Rising; at least two.
// REQUIRES: low <= high; on a logarithmic axis 0 < low.
std::vector<double> Ticks(const Axis& axis, double low, double high);

// "0.05", "250", "1.5k", "10M".
std::string ShortNumber(double value);

}  // namespace ampt::bench
