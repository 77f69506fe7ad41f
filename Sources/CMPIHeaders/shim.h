// Where the headers and the library of MPI are is known to pkg-config; what is used of them is in Sources/CMPI. Swift
// itself sees nothing of MPI: its handles are macros, which Swift cannot import.
