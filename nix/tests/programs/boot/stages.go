// SPDX-License-Identifier: MPL-2.0

package main

import (
	"regexp"
	"sync"
	"time"

	"talos-nanopi-m6/internal/qemu"
)

// stage is a step of the boot that shows on a console.
type stage struct {
	name string
	sign *regexp.Regexp
}

// stages are in the order they are passed. The last one, api, is no line but an answer.
var stages = []stage{
	{"u-boot", regexp.MustCompile(`^U-Boot \d{4}\.\d{2}`)},
	// "Booting bootflow" is U-Boot's boot/bootflow.c, "Booting /\efi…" its lib/efi_loader.
	{"efi", regexp.MustCompile(`^\*\* Booting bootflow|^Booting: |^Booting /`)},
	{"grub", regexp.MustCompile(`Welcome to GRUB|GNU GRUB`)},
	// The EFI stub speaks first; ttyS2 replays the log once its driver is there.
	{"kernel", regexp.MustCompile(`EFI stub: Booting Linux|Linux version \d`)},
	{"init", regexp.MustCompile(`\[talos\] \[initramfs\]|Run /init as init process`)},
	{"machined", regexp.MustCompile(`\[talos\] (machined logger initialized|initialize sequence:|phase )`)},
}

const apiStage = "api"

// deadEnds are lines after which the boot goes no further, so that nobody waits for the deadline.
var deadEnds = []*regexp.Regexp{
	regexp.MustCompile(`^No more bootdevs`),                          // U-Boot, boot/bootflow.c: it found nothing to start
	regexp.MustCompile(`grub rescue>|^error: .*(no such|not found)`), // GRUB
	regexp.MustCompile(`Kernel panic - not syncing`),
	regexp.MustCompile(`\[talos\].* rebooting in \d+ seconds`), // init and machined, before they give up
}

// clock notes when each stage was first seen.
type clock struct {
	mu   sync.Mutex
	seen map[string]time.Duration

	// dead takes the first dead end.
	dead chan string
}

func newClock() *clock {
	return &clock{seen: map[string]time.Duration{}, dead: make(chan string, 1)}
}

// watch is a transcript's watcher.
func (c *clock) watch(l qemu.Line) {
	for _, s := range stages {
		if s.sign.MatchString(l.Text) {
			c.mark(s.name, l.At)
		}
	}

	for _, d := range deadEnds {
		if d.MatchString(l.Text) {
			select {
			case c.dead <- l.Text:
			default: // a later one
			}
		}
	}
}

func (c *clock) mark(name string, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if _, ok := c.seen[name]; !ok {
		c.seen[name] = at
	}
}

// seconds are those from QEMU's start to each stage reached.
func (c *clock) seconds() map[string]float64 {
	c.mu.Lock()
	defer c.mu.Unlock()

	m := make(map[string]float64, len(c.seen))
	for k, v := range c.seen {
		m[k] = float64(v.Round(10*time.Millisecond)/(10*time.Millisecond)) / 100
	}

	return m
}

// stoppedAt is the last stage reached and the one that never came.
func (c *clock) stoppedAt() (last, next string) {
	c.mu.Lock()
	defer c.mu.Unlock()

	last, next = "qemu", stages[0].name

	for i, s := range stages {
		if _, ok := c.seen[s.name]; !ok {
			continue
		}

		last, next = s.name, apiStage
		if i+1 < len(stages) {
			next = stages[i+1].name
		}
	}

	return last, next
}
