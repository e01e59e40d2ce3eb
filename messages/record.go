// Package messages is the project's vocabulary: what actors say to one another,
// what their logs record, and the public API, as protobuf messages. Everything
// but this file is generated from the .proto files beside it.
package messages

import (
	"errors"
	"fmt"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ErrRecord is wrapped by every error about bytes that are no record.
var ErrRecord = errors.New("not a record")

// recordTable is what may be recorded: the oneof of Record.
type recordTable struct {
	kinds   protoreflect.FieldDescriptors
	numbers map[protoreflect.FullName]protowire.Number
}

// records is made on first use: descriptors are not there before init.
var records = sync.OnceValue(func() recordTable {
	kinds := (*Record)(nil).ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields()
	table := recordTable{kinds, make(map[protoreflect.FullName]protowire.Number, kinds.Len())}
	for i := range kinds.Len() {
		table.numbers[kinds.Get(i).Message().FullName()] = kinds.Get(i).Number()
	}
	return table
})

// AppendRecord appends the encoding of m to dst: that of a Record whose field of
// m's type is set to m. It panics if m is none of Record's kinds.
func AppendRecord(dst []byte, m proto.Message) []byte {
	number, ok := records().numbers[m.ProtoReflect().Descriptor().FullName()]
	if !ok {
		panic(fmt.Sprintf("messages: %T is not in record.proto", m))
	}
	options := proto.MarshalOptions{Deterministic: true}
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(options.Size(m)))
	options.UseCachedSize = true
	dst, err := options.MarshalAppend(dst, m)
	if err != nil {
		panic(fmt.Sprintf("messages: %T: %v", m, err)) // strings of ours are valid UTF-8: checked on entry
	}
	return dst
}

// DecodeRecord returns the message that AppendRecord encoded. Every error wraps
// ErrRecord.
func DecodeRecord(b []byte) (proto.Message, error) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 || kind != protowire.BytesType {
		return nil, fmt.Errorf("%w: %d bytes without a tag", ErrRecord, len(b))
	}
	field := records().kinds.ByNumber(number)
	if field == nil {
		return nil, fmt.Errorf("%w: number %d is unknown: it was written by a newer version", ErrRecord, number)
	}
	body, m := protowire.ConsumeBytes(b[n:])
	if m < 0 || n+m != len(b) {
		return nil, fmt.Errorf("%w: %s is cut or padded", ErrRecord, field.Name())
	}
	record := (*Record)(nil).ProtoReflect().Type().New().NewField(field).Message().Interface()
	if err := proto.Unmarshal(body, record); err != nil {
		return nil, fmt.Errorf("%w: %s: %v", ErrRecord, field.Name(), err)
	}
	return record, nil
}
