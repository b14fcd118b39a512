"""The commands of inseq's command line."""
