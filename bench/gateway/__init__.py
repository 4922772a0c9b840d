"""The benchmark of gateways: what a NAT adds to a packet, beside what a user would take instead (`make bench-gateway`).

    run.py         the run: turn by turn through loads and gateways, and its options
    bed.py         the three namespaces of a gateway, and the wires between them (opens with a drawing)
    gateways.py    what is measured: one class or one line for each
    loads.py       what is measured with: packets, new flows, TCP, round trips, the program alone, on one CPU and two
    conntrack.py   room for a million flows in the kernel, and back
    lines.py       the lines `bench NAME VALUE UNIT`
    plot.py        ... drawn, as SVG
    table.py       ... as tables, into docs/benchmarks.md

    frame.h kind.h from the number of a flow to its packet, for BPF and C alike
    load.c live.c echo.c sink.c, load.bpf.c sink.bpf.c
                   bench-gateway-load: one measurement
    xdp.c, redirect.bpf.c floor.bpf.c
                   bench-gateway-xdp: the benchmark's own programs in a gateway's place
    progrun.c pass.c, spread.bpf.c
                   bench-gateway-progrun: a gateway's BPF program alone

What is measured how, and what the names mean, is in docs/benchmarks.md.  Needs root.
"""
