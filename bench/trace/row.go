package trace

import (
	"fmt"
	"strconv"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// rowSchema is a trace's columns, in the order in which they are written.
var rowSchema = schema[Row]{
	columns: []column[Row]{
		{"time", required, "", readTime, func(r *Row) string { return r.At.String() }},
		idColumn("tenant", expected, "default", func(r *Row) *string { return &r.Tenant }),
		idColumn("user", required, "", func(r *Row) *string { return &r.User }),
		floatColumn("lat", required, "", -90, 90, func(r *Row) *float64 { return &r.Lat }),
		floatColumn("lon", required, "", -180, 180, func(r *Row) *float64 { return &r.Lon }),
		{"duration_s", expected, "1200", readDuration, writeDuration},
		amountColumn("cpu_millicores", expected, "500", resource.MaxAmount, func(r *Row) *int64 { return &r.Need.CPU }),
		amountColumn("memory_bytes", expected, "536870912", resource.MaxAmount,
			func(r *Row) *int64 { return &r.Need.Memory }),
		amountColumn("storage_bytes", expected, "0", resource.MaxAmount, func(r *Row) *int64 { return &r.Need.Storage }),
		amountColumn("bandwidth_bps", expected, "0", resource.MaxAmount, func(r *Row) *int64 { return &r.Need.Bandwidth }),
		amountColumn("io_ops", optional, "0", resource.MaxAmount, func(r *Row) *int64 { return &r.Need.IO }),
		idColumn("image", optional, "default", func(r *Row) *string { return &r.Image }),
		idColumn("dataset", expected, "", func(r *Row) *string { return &r.Dataset }),
		amountColumn("dataset_bytes", expected, "0", resource.MaxAmount, func(r *Row) *int64 { return &r.DatasetBytes }),
		idColumn("part", expected, "", func(r *Row) *string { return &r.Part }),
	},
	check: checkRow,
	most:  MaxRows,
}

func readTime(field string, to *Row) (err error) {
	to.At, err = parseTime(field)
	return err
}

func readDuration(field string, to *Row) error {
	seconds, err := parseFloat(field, 0.001, MaxDuration.Seconds())
	to.Duration = span.Duration(seconds*1000 + 0.5)
	return err
}

func writeDuration(r *Row) string { return strconv.FormatFloat(r.Duration.Seconds(), 'f', -1, 64) }

func checkRow(r *Row) error {
	switch {
	case r.Need.IsZero():
		return fmt.Errorf("%w: it asks for nothing", resource.ErrAmount)
	case r.Dataset == "" && r.DatasetBytes > 0:
		return fmt.Errorf("%w: dataset_bytes is %d but no dataset is named", ErrValue, r.DatasetBytes)
	case r.End() > span.MaxTime:
		return fmt.Errorf("%w: it ends after the year 2999", ErrValue)
	}
	return nil
}
