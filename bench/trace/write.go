package trace

import (
	"bufio"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Write writes rows to the file at path as Read reads them, gzipped if the name
// ends in .gz. The file is there in full or not at all. Row numbers are not
// written: rows get those of their order.
func Write(path string, rows []Row) error {
	return writeFile(path, func(w io.Writer) error { return Encode(w, rows) })
}

// WriteZones writes zones to the file at path as ReadZones reads them, likewise.
func WriteZones(path string, zones []Zone) error {
	return writeFile(path, func(w io.Writer) error { return EncodeZones(w, zones) })
}

// Encode writes rows as CSV. The same rows give the same bytes.
func Encode(w io.Writer, rows []Row) error { return encode(w, &rowSchema, rows) }

// EncodeZones writes zones as CSV. The same zones give the same bytes.
func EncodeZones(w io.Writer, zones []Zone) error { return encode(w, &zoneSchema, zones) }

func encode[T any](w io.Writer, s *schema[T], recs []T) error {
	columns := used(s, recs)
	out := bufio.NewWriter(w)
	for i, c := range columns {
		separate(out, i)
		out.WriteString(c.name)
	}
	out.WriteByte('\n')
	for r := range recs {
		for i, c := range columns {
			separate(out, i)
			out.WriteString(c.format(&recs[r]))
		}
		out.WriteByte('\n')
	}
	return out.Flush() // reports the first error of all writes
}

func separate(out *bufio.Writer, i int) {
	if i > 0 {
		out.WriteByte(',')
	}
}

// used returns the columns to write: optional ones only where they say
// something.
func used[T any](s *schema[T], recs []T) []column[T] {
	var out []column[T]
	for _, c := range s.columns {
		wanted := c.need != optional
		for i := 0; i < len(recs) && !wanted; i++ {
			wanted = c.format(&recs[i]) != c.fallback
		}
		if wanted {
			out = append(out, c)
		}
	}
	return out
}

func writeFile(path string, encode func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := pack(f, strings.HasSuffix(path, ".gz"), encode); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func pack(w io.Writer, zipped bool, encode func(io.Writer) error) error {
	if !zipped {
		return encode(w)
	}
	z := gzip.NewWriter(w)
	if err := encode(z); err != nil {
		return err
	}
	return z.Close()
}
