// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// graph has for each node those it needs.
type graph map[string][]string

// reaches says whether a path of at least one edge leads from a node to another.
func (g graph) reaches(from, to string) bool {
	return slices.ContainsFunc(g[from], func(next string) bool { return next == to || g.reaches(next, to) })
}

// reduced is the graph without the edges that a longer path makes needless.
func (g graph) reduced() graph {
	r := graph{}

	for node, needs := range g {
		r[node] = slices.DeleteFunc(slices.Clone(needs), func(far string) bool {
			return slices.ContainsFunc(needs, func(near string) bool { return near != far && g.reaches(near, far) })
		})
	}

	return r
}

// floors are the nodes in rows, the lowest first: each stands below all that need it, as high as that allows.
func (g graph) floors() [][]string {
	needed := graph{}

	for node, needs := range g {
		for _, below := range needs {
			needed[below] = append(needed[below], node)
		}
	}

	depth := map[string]int{} // from the top

	var of func(string) int

	of = func(node string) int {
		if n, ok := depth[node]; ok {
			return n
		}

		n := 0
		for _, above := range needed[node] {
			n = max(n, of(above)+1)
		}

		depth[node] = n

		return n
	}

	var rows [][]string

	for _, node := range slices.Sorted(maps.Keys(g)) {
		if len(g[node])+len(needed[node]) == 0 { // it would say nothing
			continue
		}

		n := of(node)
		for len(rows) <= n {
			rows = append(rows, nil)
		}

		rows[n] = append(rows[n], node)
	}

	slices.Reverse(rows)

	return rows
}

// Geometry of a drawing, in its own units.
const (
	perRune  = 7
	padding  = 10
	gap      = 12
	boxes    = 26
	perFloor = 78
	margin   = 20
)

// box is where a node is drawn.
type box struct{ x, y, width float64 }

// svg draws the floors, the highest on top, with a line from each node down to those it needs.
func (g graph) svg(title string) []byte {
	g = g.reduced()
	floors := g.floors()
	width := 0.0

	for _, floor := range floors {
		width = max(width, widthOf(floor))
	}

	places := map[string]box{}

	for n, floor := range floors {
		// Above what they need, so that few lines cross.
		middle := func(node string) float64 {
			sum := 0.0
			for _, below := range g[node] {
				sum += places[below].x + places[below].width/2
			}

			return sum / max(1, float64(len(g[node])))
		}

		slices.SortStableFunc(floor, func(a, b string) int { return cmp.Compare(middle(a), middle(b)) })

		x := margin + (width-widthOf(floor))/2
		y := float64(margin + boxes + (len(floors)-1-n)*perFloor)

		for _, node := range floor {
			w := float64(len(node)*perRune + 2*padding)
			places[node] = box{x, y, w}
			x += w + gap
		}
	}

	var lines, nodes strings.Builder

	for _, floor := range floors {
		for _, node := range floor {
			from := places[node]

			for _, below := range g[node] {
				to := places[below]
				fmt.Fprintf(&lines, "<path d=\"M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f\"/>\n",
					from.x+from.width/2, from.y+boxes, from.x+from.width/2, from.y+perFloor*0.6,
					to.x+to.width/2, to.y-perFloor*0.3, to.x+to.width/2, to.y)
			}

			fmt.Fprintf(&nodes, "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%d\" rx=\"4\"/><text x=\"%.0f\" y=\"%.0f\">%s</text>\n",
				from.x, from.y, from.width, boxes, from.x+from.width/2, from.y+boxes-8, escaped(node))
		}
	}

	var out bytes.Buffer

	fmt.Fprintf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %d\" font-family=\"monospace\" font-size=\"11.5\">\n"+
		"<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"+
		"<g fill=\"none\" stroke=\"#8a8a9c\">\n%s</g>\n"+
		"<g fill=\"#eef1f6\" stroke=\"#4a4a68\" text-anchor=\"middle\">\n%s</g>\n"+
		"<style>text { fill: #22223b; stroke: none }</style>\n</svg>\n",
		width+2*margin, 2*margin+boxes+len(floors)*perFloor-perFloor+boxes, escaped(title), lines.String(), nodes.String())

	return out.Bytes()
}

func widthOf(floor []string) float64 {
	w := -gap
	for _, node := range floor {
		w += len(node)*perRune + 2*padding + gap
	}

	return float64(w)
}

func escaped(s string) string {
	var b strings.Builder

	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything

	return b.String()
}
