// SPDX-License-Identifier: MPL-2.0

// Package grub reads GRUB's menu in the form in which Talos writes it.
package grub

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Entry is an entry of GRUB's menu.
type Entry struct {
	Name    string   `json:"name"`
	Kernel  string   `json:"kernel"`
	Args    []string `json:"args,omitempty"`
	Initrd  string   `json:"initrd,omitempty"`
	Default bool     `json:"default,omitempty"`
}

// ErrOther says that a configuration has something in it that Talos does not write: GRUB has a language of its own, and may do
// anything.
var ErrOther = errors.New("not as Talos writes it")

// maxEntries is how many entries are read; Talos writes three.
const maxEntries = 64

// Talos' template (siderolabs/talos v1.10 to v1.13, internal/app/machined/pkg/runtime/v1alpha1/bootloader/grub/encode.go): one
// statement a line. What is quoted has no quotation mark in it, and what the shell would take for its own is escaped.
var (
	plainLine = regexp.MustCompile(`^(set timeout=[0-9]+|insmod all_video|terminal_input console|terminal_output console)$`)
	choice    = regexp.MustCompile(`^set (default|fallback)="([^"$\\` + "`" + `]*)"$`)
	begin     = regexp.MustCompile(`^menuentry "([^"$\\` + "`" + `]*)" \{$`)
	inEntry   = regexp.MustCompile(`^set (gfxmode=auto|gfxpayload=text)$`)
	linux     = regexp.MustCompile(`^linux (/[\w./-]+)((?:\s(?:[^\\{}&$|;<>"'` + "`" + `]|\\[\\{}&$|;<>"])*)?)$`)
	initrd    = regexp.MustCompile(`^initrd (/[\w./-]+)$`)
	escaped   = regexp.MustCompile(`\\(.)`)
)

// Parse reads the menu out of a configuration. The error is ErrOther where GRUB may do something else than the entries say.
func Parse(config string) ([]Entry, error) {
	p := &parser{}

	for n, line := range strings.Split(config, "\n") {
		if err := p.line(strings.TrimSpace(line)); err != nil {
			p.errs = append(p.errs, fmt.Errorf("line %d: %w: %.80q", n+1, err, line))
		}
	}

	if p.entry != nil {
		p.errs = append(p.errs, fmt.Errorf("%w: an entry does not end", ErrOther))
	}

	if len(p.errs) > 0 {
		return p.chosen(), p.errs[0]
	}

	return p.chosen(), nil
}

type parser struct {
	list     []Entry
	entry    *Entry // the one that is being read
	selected *string
	fallback bool
	errs     []error
}

// chosen are the entries, with the one that GRUB starts: the first of that name.
func (p *parser) chosen() []Entry {
	for n := range p.list {
		if p.selected != nil && p.list[n].Name == *p.selected {
			p.list[n].Default = true

			break
		}
	}

	return p.list
}

func (p *parser) line(line string) error {
	if p.entry != nil {
		return p.inEntry(line)
	}

	switch {
	case line == "", plainLine.MatchString(line):
		return nil
	case choice.MatchString(line):
		m := choice.FindStringSubmatch(line)

		if m[1] == "default" && p.selected == nil {
			p.selected = &m[2]
		} else if m[1] == "fallback" && !p.fallback {
			p.fallback = true
		} else {
			return fmt.Errorf("%w: it is there twice", ErrOther)
		}

		return nil
	case begin.MatchString(line):
		p.entry = &Entry{Name: begin.FindStringSubmatch(line)[1]}

		return nil
	}

	return ErrOther
}

func (p *parser) inEntry(line string) error {
	e := p.entry

	switch {
	case line == "", inEntry.MatchString(line):
	case e.Kernel == "" && linux.MatchString(line):
		m := linux.FindStringSubmatch(line)
		e.Kernel, e.Args = m[1], strings.Fields(escaped.ReplaceAllString(m[2], "$1"))
	case e.Kernel != "" && e.Initrd == "" && initrd.MatchString(line):
		e.Initrd = initrd.FindStringSubmatch(line)[1]
	case line == "}":
		return p.end(*e)
	default:
		return ErrOther
	}

	return nil
}

// end takes an entry over.
func (p *parser) end(e Entry) error {
	p.entry = nil

	if len(p.list) == maxEntries {
		return fmt.Errorf("%w: more than %d entries", ErrOther, maxEntries)
	}

	double := false
	for _, other := range p.list {
		double = double || other.Name == e.Name
	}

	p.list = append(p.list, e)

	switch {
	case double:
		return fmt.Errorf("%w: two entries have the name %.80q", ErrOther, e.Name)
	case e.Initrd == "":
		return fmt.Errorf("%w: entry %.80q starts nothing", ErrOther, e.Name)
	}

	return nil
}
