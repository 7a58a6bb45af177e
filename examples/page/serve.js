// node serve.js [PORT [HOST]]
import { serve } from './serve_file.js';

serve(import.meta.url, process.argv.slice(2));
