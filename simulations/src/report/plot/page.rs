//! What all plots share: the page, its colours and text, panels with a title and a legend above a chart.

use std::error::Error;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Rectangle};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, TextStyle, WHITE};

use super::PlotError;
use super::axis::{Axis, Scale};

pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const RED: RGBColor = RGBColor(213, 94, 0);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);
pub(super) const YELLOW: RGBColor = RGBColor(240, 228, 66);
pub(super) const GREY: RGBColor = RGBColor(140, 140, 140);
pub(super) const INK: RGBColor = RGBColor(40, 40, 40);
pub(super) const PALE: RGBColor = RGBColor(236, 236, 236);

/// Sizes of text. The SVG has 1/1.24 of them, in pixels.
pub(super) const LARGE: f64 = 27.0;
pub(super) const MEDIUM: f64 = 19.0;
pub(super) const SMALL: f64 = 15.5;

/// Height of a panel's title, and of each line of its legend.
const TITLE: i32 = 36;
const LEGEND: i32 = 19;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Plane = Cartesian2d<Scale, Scale>;
pub(super) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Plane>;
pub(super) type Drawn = Result<(), PlotError>;

impl<E: Error + Send + Sync> From<DrawingAreaErrorKind<E>> for PlotError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}

/// A page of so many pixels.
pub(super) fn page(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, PlotError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    Ok(text)
}

/// Text of a size and colour whose left, middle line is at a point.
pub(super) fn font(size: f64, bold: bool, color: RGBColor, h: HPos) -> TextStyle<'static> {
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    TextStyle {
        font: FontDesc::new(FontFamily::SansSerif, size, style),
        color: color.to_backend_color(),
        pos: Pos::new(h, VPos::Center),
    }
}

pub(super) fn write(area: &Area<'_>, text: &str, style: &TextStyle<'_>, at: (i32, i32)) -> Drawn {
    Ok(area.draw_text(text, style, at)?)
}

/// About how wide a small text is, in pixels.
pub(super) fn width(text: &str) -> i32 {
    i32::try_from(text.chars().count()).unwrap_or(0).saturating_mul(7)
}

/// One line of a legend.
pub(super) struct Key {
    pub(super) color: RGBColor,
    pub(super) text: String,
}

/// Title and legend at the top of an area; what is left is for the chart.
pub(super) fn headed<'a>(area: &Area<'a>, title: &str, keys: &[Key]) -> Result<Area<'a>, PlotError> {
    write(area, title, &font(MEDIUM, true, INK, HPos::Left), (12, TITLE - 14))?;
    let mut y = TITLE + LEGEND / 2;
    for key in keys {
        area.draw(&Circle::new((18, y), 5, key.color.filled()))?;
        write(area, &key.text, &font(SMALL, false, INK, HPos::Left), (30, y))?;
        y += LEGEND;
    }
    Ok(area.split_vertically(y - LEGEND / 2 + 6).1)
}

/// An empty chart with its axes.
pub(super) fn chart<'a, 'b>(area: &'a Area<'b>, x: &Axis, y: &Axis) -> Result<Chart<'a, 'b>, PlotError> {
    let mut chart = ChartBuilder::on(area)
        .margin_right(22)
        .margin_left(6)
        .margin_top(6)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(x.coord(), y.coord())?;
    let text = font(SMALL, false, INK, HPos::Left);
    chart
        .configure_mesh()
        .bold_line_style(PALE)
        .light_line_style(PALE)
        .axis_style(GREY)
        .label_style((FontFamily::SansSerif, SMALL, &INK))
        .axis_desc_style(text)
        .x_desc(x.name)
        .y_desc(y.name)
        .x_label_formatter(&|place| x.label(*place))
        .y_label_formatter(&|place| y.label(*place))
        .draw()?;
    Ok(chart)
}

/// What stands where there is nothing to draw.
pub(super) fn empty(area: &Area<'_>, why: &str) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (i32::try_from(width).unwrap_or(0), i32::try_from(height).unwrap_or(0));
    area.draw(&Rectangle::new([(12, 6), (width - 22, height - 12)], PALE.stroke_width(1)))?;
    write(area, why, &font(SMALL, false, GREY, HPos::Center), (width / 2, height / 2))
}
