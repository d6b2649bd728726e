// SPDX-License-Identifier: MPL-2.0

package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"talos-nanopi-m6/internal/inspect"
)

// Colours of regions; they differ in lightness as well as in hue.
var colours = map[inspect.RegionKind]string{
	inspect.RegionTable:     "#4a4a68",
	inspect.RegionLoader:    "#c8553d",
	inspect.RegionPartition: "#6a994e",
	inspect.RegionGap:       "#e8e6e1",
}

// Geometry of the drawing, in its own units.
const (
	svgWidth  = 960
	svgLeft   = 20
	svgStrip  = 36
	svgRow    = 18
	svgMargin = 28
)

// SVG draws the disk to scale.
func SVG(w io.Writer, r *inspect.Report) error {
	var (
		body strings.Builder
		y    = svgMargin
	)

	text := func(x, y int, s string) {
		var escaped strings.Builder

		_ = xml.EscapeText(&escaped, []byte(s)) // a Builder takes everything

		fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\">%s</text>\n", x, y, escaped.String())
	}

	for _, s := range strips(r) {
		text(svgLeft, y, fmt.Sprintf("%s: %s", s.title, Bytes(s.end-s.start)))
		y += 10

		scale := float64(svgWidth-2*svgLeft) / float64(s.end-s.start)

		for _, g := range s.regions {
			fmt.Fprintf(&body, "<rect x=\"%.3f\" y=\"%d\" width=\"%.3f\" height=\"%d\" fill=\"%s\"/>\n",
				svgLeft+float64(g.Offset-s.start)*scale, y, float64(g.Size)*scale, svgStrip, colours[g.Kind])
		}

		fmt.Fprintf(&body, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#4a4a68\"/>\n",
			svgLeft, y, svgWidth-2*svgLeft, svgStrip)

		y += svgStrip + svgRow

		for _, g := range s.regions {
			fmt.Fprintf(&body, "<rect x=\"%d\" y=\"%d\" width=\"10\" height=\"10\" fill=\"%s\"/>\n", svgLeft, y-9, colours[g.Kind])
			text(svgLeft+18, y, fmt.Sprintf("%s: %s at byte %d", g.Name, Bytes(g.Size), g.Offset))
			y += svgRow
		}

		y += svgMargin
	}

	_, err := fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">\n"+
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n%s</svg>\n", svgWidth, y, body.String())

	return err
}
