// SPDX-License-Identifier: MPL-2.0

// provenance-check STATEMENT DIR...: whether an in-toto statement is valid, has a valid SLSA v1 provenance, names what went in
// with hashes, and is about the very files that are in the directories.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

const (
	predicateType = "https://slsa.dev/provenance/v1"
	// notCompared is what is said of an image that was built once.
	notCompared = "not compared"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: provenance-check STATEMENT DIR...")
		os.Exit(2)
	}

	summary, err := check(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "provenance-check: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}

	fmt.Println(summary)
}

func check(path string, dirs []string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}

	var statement intoto.Statement
	if err := protojson.Unmarshal(b, &statement); err != nil {
		return "", err
	}

	if err := statement.Validate(); err != nil {
		return "", err
	}

	if got := statement.GetPredicateType(); got != predicateType {
		return "", fmt.Errorf("predicate %s, want %s", got, predicateType)
	}

	predicate, err := protojson.Marshal(statement.GetPredicate())
	if err != nil {
		return "", err
	}

	var made provenance.Provenance
	if err := protojson.Unmarshal(predicate, &made); err != nil {
		return "", err
	}

	if err := made.Validate(); err != nil {
		return "", err
	}

	if err := inputs(made.GetBuildDefinition()); err != nil {
		return "", err
	}

	compared, err := subjects(&statement, dirs)
	if err != nil {
		return "", err
	}

	return fmt.Sprintf("%d subjects, %d of them compared; %d inputs", len(statement.GetSubject()), compared,
		len(made.GetBuildDefinition().GetResolvedDependencies())), nil
}

// inputs checks that everything that went in has a name, a source and a hash, and that derivation and reproducibility are
// said.
func inputs(d *provenance.BuildDefinition) error {
	if len(d.GetResolvedDependencies()) == 0 {
		return errors.New("nothing went in")
	}

	for _, r := range d.GetResolvedDependencies() {
		if r.GetName() == "" || r.GetUri() == "" || len(r.GetDigest()) == 0 {
			return fmt.Errorf("input %v: name, source and hash are all needed", r)
		}

		for algorithm, hash := range r.GetDigest() {
			if hash == "" {
				return fmt.Errorf("input %s: no %s", r.GetName(), algorithm)
			}
		}
	}

	said := d.GetInternalParameters().AsMap()

	if derivation, ok := said["derivation"].(string); !ok || !strings.HasSuffix(derivation, ".drv") {
		return fmt.Errorf("derivation: got %v", said["derivation"])
	}

	if _, ok := said["reproducible"].(bool); !ok && said["reproducible"] != notCompared {
		return fmt.Errorf("reproducible: got %v, want true, false or %q", said["reproducible"], notCompared)
	}

	return nil
}

// subjects compares each subject with the file of its name, and gives how many there were.
func subjects(statement *intoto.Statement, dirs []string) (int, error) {
	compared := 0

	for _, subject := range statement.GetSubject() {
		for _, dir := range dirs {
			content, err := os.ReadFile(filepath.Join(dir, subject.GetName()))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}

			if err != nil {
				return 0, err
			}

			sum := sha256.Sum256(content)
			if got, want := hex.EncodeToString(sum[:]), subject.GetDigest()["sha256"]; got != want {
				return 0, fmt.Errorf("%s has sha256 %s, the statement says %s", subject.GetName(), got, want)
			}

			compared++
		}
	}

	if compared == 0 {
		return 0, errors.New("no subject is in the directories")
	}

	return compared, nil
}
