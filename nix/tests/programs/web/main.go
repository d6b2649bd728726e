// SPDX-License-Identifier: MPL-2.0

// web is what a test's pod runs.
//
//	web serve ADDRESS GREETING [FILE]   answers every request with GREETING and, where one is named, FILE's content; logs it
//	web get URL                         asks, and prints the answer
//	web put FILE CONTENT                writes a file
package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "web: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && len(args) <= 4 && args[0] == "serve":
		return serve(args[1], args[2], args[3:])
	case len(args) == 2 && args[0] == "get":
		return get(args[1])
	case len(args) == 3 && args[0] == "put":
		return os.WriteFile(args[1], []byte(args[2]), 0o644)
	default:
		return errors.New("usage: web serve ADDRESS GREETING [FILE] | web get URL | web put FILE CONTENT")
	}
}

func serve(address, greeting string, files []string) error {
	server := &http.Server{
		Addr:              address,
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := []byte(greeting + "\n")

			for _, file := range files {
				content, err := os.ReadFile(file)
				if err != nil {
					http.Error(w, err.Error(), http.StatusNotFound)

					return
				}

				answer = append(answer, content...)
			}

			fmt.Printf("%s %s\n", r.Method, r.URL.Path)
			_, _ = w.Write(answer) // who asked and went is no matter
		}),
	}

	return server.ListenAndServe()
}

func get(url string) error {
	client := &http.Client{Timeout: time.Minute}

	answer, err := client.Get(url)
	if err != nil {
		return err
	}

	defer answer.Body.Close() // only read

	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}

	_, err = io.Copy(os.Stdout, answer.Body)

	return err
}
