package trace

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// lines splits a stream into the fields of its lines.
type lines struct {
	src     *bufio.Reader
	line    int  // of the fields returned last, from 1
	unended bool // that line had no line break
	fields  []string
}

// open begins to read r, unpacking it if it is gzipped.
func open(r io.Reader) (*lines, error) {
	src := bufio.NewReaderSize(r, MaxLineBytes)
	if magic, _ := src.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(src)
		if err != nil {
			return nil, streamError(err)
		}
		src = bufio.NewReaderSize(unpacked, MaxLineBytes)
	}
	if mark, _ := src.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		src.Discard(len(mark))
	}
	return &lines{src: src}, nil
}

// next returns the fields of the next line that is not blank; they hold until
// the next call's result is used. Errors: io.EOF, errQuote (the line is bad, the
// next may be good), or one that ends the stream.
func (l *lines) next() ([]string, error) {
	for {
		raw, err := l.src.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return nil, fmt.Errorf("line %d: %w: longer than %d bytes", l.line+1, ErrMalformed, MaxLineBytes)
		}
		if err != nil && err != io.EOF {
			return nil, streamError(err)
		}
		if len(raw) == 0 {
			return nil, io.EOF
		}
		l.line++
		l.unended = err == io.EOF
		if text := strings.TrimRight(string(raw), "\r\n"); text != "" {
			l.fields, err = split(l.fields[:0], text)
			return l.fields, err
		}
	}
}

// errQuote is wrapped by errors about the quotes of a line.
var errQuote = fmt.Errorf("%w: quotes", ErrValue)

// split appends the fields of one line of CSV to dst.
func split(dst []string, text string) ([]string, error) {
	for {
		if !strings.HasPrefix(text, `"`) {
			field, rest, more := strings.Cut(text, ",")
			if strings.Contains(field, `"`) {
				return dst, fmt.Errorf("%w: one stands within a field that is not quoted", errQuote)
			}
			dst = append(dst, field)
			if !more {
				return dst, nil
			}
			text = rest
			continue
		}
		field, rest, err := unquote(text[1:])
		if err != nil {
			return dst, err
		}
		dst = append(dst, field)
		if rest == "" {
			return dst, nil
		}
		text = rest[1:]
	}
}

// unquote returns the quoted field at the beginning of text, behind its opening
// quote, and what follows the closing one: nothing, or a comma and more.
func unquote(text string) (field, rest string, err error) {
	for {
		part, after, closed := strings.Cut(text, `"`)
		field += part
		switch {
		case !closed:
			return "", "", fmt.Errorf("%w: a quoted field does not end on its line", errQuote)
		case strings.HasPrefix(after, `"`):
			field += `"`
			text = after[1:]
		case after == "" || after[0] == ',':
			return field, after, nil
		default:
			return "", "", fmt.Errorf("%w: text follows a quoted field", errQuote)
		}
	}
}

// streamError names what broke the stream.
func streamError(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt):
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return err
}

// headerError names what is wrong with a file whose header, or first row, gave
// err.
func headerError(err error) error {
	switch {
	case err == io.EOF:
		return ErrEmpty
	case errors.Is(err, errQuote):
		return fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	return err
}
