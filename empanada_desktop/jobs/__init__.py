"""Where and when tasks run: JobSpec in, result out."""
