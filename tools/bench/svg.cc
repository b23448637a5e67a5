#include "tools/bench/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <string_view>
#include <utility>

namespace ampt::bench {
namespace {

constexpr double kWidth = 760, kHeight = 420;
// Of the plotted area.
constexpr double kLeft = 70, kTop = 44, kRight = 600, kBottom = 360;
constexpr double kLegendX = 614, kLegendLine = 20;

// After Okabe and Ito.
constexpr std::string_view kColours[] = {"#d55e00", "#0072b2", "#009e73", "#cc79a7",
                                         "#e69f00", "#56b4e9", "#444444"};
constexpr std::string_view kDashes[] = {"", "7 4", "2 4"};

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '<') {
      escaped += "&lt;";
    } else if (c == '&') {
      escaped += "&amp;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// From values to places on the page.
class Scale {
 public:
  Scale(const Axis& axis, const std::vector<double>& ticks, double begin, double end)
      : log_(axis.base > 0),
        low_(In(ticks.front())),
        high_(In(ticks.back())),
        begin_(begin),
        end_(end) {}

  double operator()(double value) const {
    return begin_ + (In(value) - low_) / (high_ - low_) * (end_ - begin_);
  }

 private:
  double In(double value) const { return log_ ? std::log(value) : value; }

  bool log_;
  double low_, high_, begin_, end_;
};

bool CanShow(const Chart& chart, const Point& point) {
  return std::isfinite(point.x) && std::isfinite(point.y) && point.x >= 0 && point.y >= 0 &&
         (chart.x.base == 0 || point.x > 0) && (chart.y.base == 0 || point.y > 0);
}

std::vector<double> TicksOf(const Chart& chart, const Axis& axis, double Point::*coordinate) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Series& series : chart.series) {
    for (const Point& point : series.points) {
      low = std::min(low, point.*coordinate);
      high = std::max(high, point.*coordinate);
    }
  }
  return low > high ? Ticks(axis, 1, 1) : Ticks(axis, low, high);
}

}  // namespace

std::vector<double> Ticks(const Axis& axis, double low, double high) {
  constexpr double kSlack = 1e-9;  // a power counts as reached in spite of rounding
  std::vector<double> ticks;
  if (axis.base == 0) {
    const double rough = std::max(high, 1e-6) / 6;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const double times : {5.0, 2.0, 1.0}) {
      if (times * power >= rough * (1 - kSlack)) step = times * power;
    }
    for (int i = 0; i < 2 || ticks.back() < high * (1 - kSlack); i++) ticks.push_back(i * step);
    return ticks;
  }
  const double log_base = std::log(axis.base);
  const int first = static_cast<int>(std::floor(std::log(low) / log_base + kSlack));
  const int last =
      std::max(first + 1, static_cast<int>(std::ceil(std::log(high) / log_base - kSlack)));
  for (int i = first; i <= last; i++) ticks.push_back(std::pow(axis.base, i));
  if (axis.base != 10 || ticks.size() > 3) return ticks;
  std::vector<double> finer;
  for (const double tick : ticks) {
    for (const double times : {1, 2, 5}) finer.push_back(times * tick);
  }
  // Only as far as the values go.
  while (finer[finer.size() - 2] >= high && finer.size() > 2) finer.pop_back();
  while (finer[1] <= low && finer.size() > 2) finer.erase(finer.begin());
  return finer;
}

std::string ShortNumber(double value) {
  constexpr std::pair<double, std::string_view> kUnits[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  for (const auto& [unit, letter] : kUnits) {
    if (value >= 0.9999 * unit) return fmt::format("{:.4g}{}", value / unit, letter);
  }
  return fmt::format("{:.3g}", value);
}

std::string Svg(const Chart& wanted) {
  Chart chart = wanted;
  for (Series& series : chart.series) {
    std::erase_if(series.points, [&](const Point& point) { return !CanShow(chart, point); });
  }
  std::erase_if(chart.series, [](const Series& series) { return series.points.empty(); });
  const auto x_ticks = TicksOf(chart, chart.x, &Point::x);
  const auto y_ticks = TicksOf(chart, chart.y, &Point::y);
  const Scale x(chart.x, x_ticks, kLeft, kRight);
  const Scale y(chart.y, y_ticks, kBottom, kTop);

  std::string out;
  const auto add = [&]<typename... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    out += '\n';
  };
  add(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}")"
      R"( font-family="sans-serif" font-size="13" fill="#222">)",
      kWidth, kHeight);
  add(R"(<rect width="100%" height="100%" fill="#fff"/>)");
  add(R"(<text x="{}" y="26" font-size="16" font-weight="bold">{}</text>)", kLeft,
      Escaped(chart.title));
  for (const double tick : y_ticks) {
    add(R"(<path d="M{} {:.1f}H{}" stroke="#ddd"/>)", kLeft, y(tick), kRight);
    add(R"(<text x="{}" y="{:.1f}" text-anchor="end">{}</text>)", kLeft - 8, y(tick) + 4,
        ShortNumber(tick));
  }
  for (const double tick : x_ticks) {
    add(R"(<path d="M{:.1f} {}v5" stroke="#222"/>)", x(tick), kBottom);
    add(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", x(tick), kBottom + 20,
        ShortNumber(tick));
  }
  add(R"(<path d="M{} {}V{}H{}" fill="none" stroke="#222"/>)", kLeft, kTop, kBottom, kRight);
  add(R"(<text x="{}" y="{}" text-anchor="middle">{}</text>)", (kLeft + kRight) / 2, kBottom + 44,
      Escaped(chart.x.label));
  add(R"--(<text transform="translate(18 {}) rotate(-90)" text-anchor="middle">{}</text>)--",
      (kTop + kBottom) / 2, Escaped(chart.y.label));

  double legend_y = kTop + 10;
  for (const Series& series : chart.series) {
    const std::string_view colour = kColours[series.colour % std::size(kColours)];
    const std::string_view dashes = kDashes[series.dashes % std::size(kDashes)];
    std::string line;
    for (const Point& point : series.points) {
      line += fmt::format("{}{:.1f},{:.1f}", line.empty() ? "" : " ", x(point.x), y(point.y));
    }
    add(R"(<g stroke="{0}" fill="{0}">)", colour);
    add(R"(<polyline points="{}" fill="none" stroke-width="2" stroke-dasharray="{}"/>)", line,
        dashes);
    for (const Point& point : series.points) {
      add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="3"><title>{}: {}, {}</title></circle>)", x(point.x),
          y(point.y), Escaped(series.name), ShortNumber(point.x), ShortNumber(point.y));
    }
    add(R"(<path d="M{} {}h26" stroke-width="2" stroke-dasharray="{}"/></g>)", kLegendX,
        legend_y - 4, dashes);
    add(R"(<text x="{}" y="{}">{}</text>)", kLegendX + 32, legend_y, Escaped(series.name));
    legend_y += kLegendLine;
  }
  return out + "</svg>\n";
}

}  // namespace ampt::bench
